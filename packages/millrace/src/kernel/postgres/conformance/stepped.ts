import pg from 'pg'

/** One statement that a session wants to run. */
interface Step {
  readonly run: () => void
  state: 'waiting' | 'running' | 'done'
}

type Callback = (error: Error | null, result: unknown) => void
type Query = (this: pg.Client, config: unknown, callback?: Callback) => unknown

interface NamedClient extends pg.Client {
  readonly connectionParameters: { readonly application_name?: string }
}

const sessions = new Map<string, SteppedSession>()
const original = (pg.Client.prototype as unknown as { readonly query: Query }).query

/**
 * Statements of connections whose application_name is that of a session wait until the test lets them go. Not BEGIN: it
 * neither takes a lock nor a snapshot, and would only multiply the orders.
 */
function patched(this: pg.Client, config: unknown, callback?: Callback): unknown {
  const name = (this as NamedClient).connectionParameters.application_name ?? ''
  const session = sessions.get(name)
  if (session === undefined || callback === undefined || isBegin(config))
    return original.call(this, config, callback)
  session.add((done) => {
    original.call(this, config, (error, result) => {
      done()
      callback(error, result)
    })
  })
  return undefined
}

function isBegin(config: unknown): boolean {
  return (config as { readonly text?: string }).text?.startsWith('begin') === true
}

pg.Client.prototype.query = patched as unknown as typeof pg.Client.prototype.query

/** Lets the statements of a storage run one by one, as PostgreSQL's isolation tester does. */
export class SteppedSession {
  readonly name: string
  readonly #admin: pg.Client
  readonly #steps: Step[] = []
  #free = false

  constructor(name: string, admin: pg.Client) {
    this.name = name
    this.#admin = admin
    sessions.set(name, this)
  }

  add(run: (done: () => void) => void): void {
    const step: Step = {
      state: 'waiting',
      run: () => {
        step.state = 'running'
        run(() => {
          step.state = 'done'
        })
      },
    }
    this.#steps.push(step)
    if (this.#free) step.run()
  }

  /** Runs the next statement until it is done, or waits for a lock of the other session. */
  async step(isOver: () => boolean): Promise<void> {
    const running = this.#steps.find((step) => step.state === 'running')
    if (running !== undefined) return
    await turns(() => isOver() || this.#steps.some((step) => step.state === 'waiting'))
    const next = this.#steps.find((step) => step.state === 'waiting')
    if (next === undefined) return
    next.run()
    for (let turn = 1; !hasEnded(next); turn++) {
      await breath()
      if (turn % 20 === 0 && !hasEnded(next) && (await this.#isBlocked())) return
    }
  }

  /** From now on nothing waits. */
  release(): void {
    this.#free = true
    for (const step of this.#steps) if (step.state === 'waiting') step.run()
  }

  end(): void {
    this.release()
    sessions.delete(this.name)
  }

  async #isBlocked(): Promise<boolean> {
    const { rows } = await this.#admin.query<{ blocked: boolean }>(
      `select exists (
        select from pg_stat_activity
        where application_name = $1 and cardinality(pg_blocking_pids(pid)) > 0) as blocked`,
      [this.name],
    )
    return rows[0]?.blocked === true
  }
}

/** Runs two works statement by statement in the order of `schedule`; both go on freely at its end. */
export async function interleave<A, B>(
  schedule: readonly ('a' | 'b')[],
  a: { readonly session: SteppedSession; work(): Promise<A> },
  b: { readonly session: SteppedSession; work(): Promise<B> },
): Promise<[PromiseSettledResult<A>, PromiseSettledResult<B>]> {
  const over = { a: false, b: false }
  const works = Promise.allSettled([
    a.work().finally(() => (over.a = true)),
    b.work().finally(() => (over.b = true)),
  ])
  for (const turn of schedule) await (turn === 'a' ? a : b).session.step(() => over[turn])
  a.session.release()
  b.session.release()
  return works
}

/** Every order of `a` turns of the one and `b` turns of the other. */
export function interleavings(a: number, b: number): ('a' | 'b')[][] {
  if (a === 0 && b === 0) return [[]]
  return [
    ...(a > 0 ? interleavings(a - 1, b).map((rest): ('a' | 'b')[] => ['a', ...rest]) : []),
    ...(b > 0 ? interleavings(a, b - 1).map((rest): ('a' | 'b')[] => ['b', ...rest]) : []),
  ]
}

function hasEnded(step: Step): boolean {
  return step.state === 'done'
}

async function turns(holds: () => boolean): Promise<void> {
  while (!holds()) await breath()
}

function breath(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
