import pg from 'pg'

type Callback = (error: Error | null, result: unknown) => void
type Query = (this: pg.Client, config: unknown, callback?: Callback) => unknown

interface NamedClient extends pg.Client {
  readonly connectionParameters: { readonly application_name?: string }
}

/** One statement that a session wants to run, or runs. */
interface Step {
  readonly label: string
  readonly run: () => void
  state: 'ready' | 'running' | 'done'
}

const sessions = new Map<string, Session>()
/** Ends the waiting of `rest`. */
let wake = (): void => undefined
const original = (pg.Client.prototype as unknown as { readonly query: Query }).query

/**
 * Statements of connections whose application_name is that of a session wait until the test lets them go. Not BEGIN: it
 * neither takes a lock nor a snapshot, and would only multiply the orders. Nor hints to other processes.
 */
function patched(this: pg.Client, config: unknown, callback?: Callback): unknown {
  const session = sessions.get((this as NamedClient).connectionParameters.application_name ?? '')
  const label = labelOf(config)
  if (session === undefined || callback === undefined || label === 'begin' || label === 'notify')
    return original.call(this, config, callback)
  session.add(label, (done) => {
    original.call(this, config, (error, result) => {
      done()
      callback(error, result)
    })
  })
  return undefined
}

pg.Client.prototype.query = patched as unknown as typeof pg.Client.prototype.query

function labelOf(config: unknown): string {
  const { name, text = '' } = config as { readonly name?: string; readonly text?: string }
  return (
    name?.replace('millrace_', '') ??
    /^\s*(\w+( into)?( \w+)?)/.exec(text)?.[1]?.replace(/^begin.*/, 'begin') ??
    text
  )
}

/** What one work does, statement by statement. */
class Session {
  readonly name: string
  readonly #steps: Step[] = []
  isOver = false

  constructor(name: string, work: () => Promise<unknown>, onEnd: (ended: Ended) => void) {
    this.name = name
    sessions.set(name, this)
    void Promise.allSettled([work()]).then(([result]) => {
      this.isOver = true
      onEnd({ session: name, result })
      wake()
    })
  }

  add(label: string, run: (done: () => void) => void): void {
    const step: Step = {
      label,
      state: 'ready',
      run: () => {
        step.state = 'running'
        run(() => {
          step.state = 'done'
          wake()
        })
      },
    }
    this.#steps.push(step)
    wake()
  }

  get ready(): Step | undefined {
    return this.isRunning ? undefined : this.#steps.find((step) => step.state === 'ready')
  }

  get isRunning(): boolean {
    return this.#steps.some((step) => step.state === 'running')
  }
}

export interface Ended {
  readonly session: string
  readonly result: PromiseSettledResult<unknown>
}

export interface Scene {
  /** Works on fresh rows, each with a storage whose connections carry the session's name. */
  readonly works: ReadonlyMap<string, () => Promise<unknown>>
  /** Throws when what the works answered, and left behind, cannot be. They come in the order in which they ended, and so do all statements. */
  judge(ended: readonly Ended[], statements: readonly string[]): Promise<void>
}

/** A choice that was made: who went on, of those who could have. */
interface Choice {
  readonly of: string
  readonly taken: number
}

/**
 * Lets concurrent works go on statement by statement, as PostgreSQL's isolation tester does, and does so in every order
 * there is. Who waits for a lock is known from the lock tables, and goes on when its blocker ends. Returns the number of
 * orders; an error tells the order in which it happened.
 */
export async function inEveryOrder(
  admin: pg.Client,
  scene: () => Promise<Scene>,
  atMost = 20_000,
): Promise<number> {
  let path: Choice[] = []
  for (let orders = 1; orders <= atMost; orders += 1) {
    path = await inOneOrder(admin, await scene(), path)
    while (path.length > 0 && isLast(path.at(-1)!)) path.pop()
    const turn = path.pop()
    if (turn === undefined) return orders
    path.push({ ...turn, taken: turn.taken + 1 })
  }
  throw new Error(`there are more than ${atMost} orders`)
}

function isLast({ of, taken }: Choice): boolean {
  return taken + 1 >= of.split(' ').length
}

/** Follows `path`, then goes on with whoever comes first; returns all that was chosen. */
async function inOneOrder(admin: pg.Client, scene: Scene, path: readonly Choice[]): Promise<Choice[]> {
  const told: string[] = []
  const statements: string[] = []
  const ended: Ended[] = []
  const all = [...scene.works].map(([name, work]) => new Session(name, work, (one) => ended.push(one)))
  try {
    const chosen: Choice[] = []
    for (;;) {
      await rest(admin, all)
      const able = all.filter((session) => session.ready !== undefined)
      if (able.length === 0) break
      const of = able.map(({ name }) => name).join(' ')
      const planned = path[chosen.length]
      if (planned !== undefined && planned.of !== of)
        throw new Error(`not the same again: '${planned.of}' could go on before, '${of}' now`)
      const taken = planned?.taken ?? 0
      chosen.push({ of, taken })
      const { name, ready } = able[taken]!
      const blocked = all.filter((session) => session.isRunning).map((session) => session.name)
      told.push(`${name}: ${ready!.label}${blocked.length > 0 ? ` (${blocked.join(', ')} waiting)` : ''}`)
      statements.push(ready!.label)
      ready!.run()
    }
    await scene.judge(ended, statements)
    return chosen
  } catch (error) {
    throw new Error(`in the order\n  ${told.join('\n  ')}\n${String(error)}`, { cause: error })
  } finally {
    for (const { name } of all) sessions.delete(name)
  }
}

/** Until every session is over, has its next statement ready, or waits for a lock that one at rest has. */
async function rest(admin: pg.Client, all: readonly Session[]): Promise<void> {
  for (let changed = true; ; changed = await change()) {
    const busy = all.filter((session) => !session.isOver && session.ready === undefined)
    if (busy.length === 0) return
    // When nobody else could go on, the database is to say who waits in vain.
    if (changed || !busy.every(({ isRunning }) => isRunning) || all.every(({ ready }) => !ready)) continue
    const stuck = await waitingForLocks(admin, busy)
    if (busy.every(({ name, isRunning }) => isRunning && stuck.has(name))) return
  }
}

/** A turn of the event loop after the next change; false when there is none for so long that it may be a lock. */
async function change(): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), lookAfterMs)
  wake = () => setImmediate(() => resolve(true))
  const changed = await promise
  clearTimeout(timer)
  return changed
}

const lookAfterMs = 3

interface Backend {
  readonly name: string
  readonly pid: number
  readonly blockers: readonly number[]
}

/** Not those whose blockers are only about to let go. */
async function waitingForLocks(admin: pg.Client, busy: readonly Session[]): Promise<ReadonlySet<string>> {
  const { rows } = await admin.query<Backend>(
    `select application_name as name, pid, pg_blocking_pids(pid) as blockers
     from pg_stat_activity where datname = current_database() and application_name = any ($1)`,
    [[...sessions.keys()]],
  )
  const nameOf = new Map(rows.map(({ pid, name }) => [pid, name]))
  const busyNames = new Set(busy.map(({ name }) => name))
  const waits = new Map(
    rows
      .filter(({ blockers }) => blockers.length > 0)
      .map(({ name, blockers }) => [name, blockers.map((pid) => nameOf.get(pid))]),
  )
  for (let before = -1; before !== waits.size;) {
    before = waits.size
    for (const [name, blockers] of waits) {
      const holds = blockers.some((by) => by !== undefined && (!busyNames.has(by) || waits.has(by)))
      if (!holds) waits.delete(name)
    }
  }
  return new Set(waits.keys())
}
