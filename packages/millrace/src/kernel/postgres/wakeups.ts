import pg from 'pg'
import type { Clock } from '../rules/clock.ts'
import type { Faults } from '../rules/fault-point.ts'
import type { Wake, Wakeups } from '../storage/wakeups.ts'
import { decode, encode } from './notices.ts'
import type { Pool } from './pool.ts'
import { statement, texts } from './statement.ts'

const heartbeatMs = 10_000
const answerWithinMs = 5_000
const firstPauseMs = 100
const longestPauseMs = 10_000

const notify = statement(
  'notify',
  'select pg_notify($channel, notice) from unnest($notices::text[]) as notice',
)

export interface WakeupsOptions {
  /** Straight to the server: LISTEN does not work behind a transaction pooler. null: nobody listens, work is found by scans. */
  readonly config: pg.ClientConfig | null
  readonly channel: string
  readonly after: Clock['after']
  readonly faults: Faults | undefined
}

/** LISTEN on one connection that is watched and replaced; and NOTIFY for what could not be said inside a group's statement. */
export class PostgresWakeups implements Wakeups {
  readonly channel: string
  readonly #options: WakeupsOptions
  /** Backends of this process: their notices were delivered here already. */
  readonly #ownBackends = new Set<number>()
  readonly #listeners = new Set<(wake: Wake) => void>()
  #client: pg.Client | null = null
  #running = false
  #pauseMs = firstPauseMs
  #cancelTimer: () => void = () => undefined
  #unsent = new Set<string>()
  #sending = false

  constructor(options: WakeupsOptions) {
    this.#options = options
    this.channel = options.channel
  }

  subscribe(listener: (wake: Wake) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A backend of this process came or went. */
  note(backend: number, open: boolean): void {
    if (open) this.#ownBackends.add(backend)
    else this.#ownBackends.delete(backend)
  }

  /** To this process only. */
  emit(wakes: readonly Wake[]): void {
    for (const wake of wakes) {
      for (const listener of this.#listeners) {
        try {
          listener(wake)
        } catch {
          // Whoever caused the wake-up has nothing to do with who listens.
        }
      }
    }
  }

  /** To this process at once; to the others by a statement of its own, gathered while one is under way. Never throws. */
  send(wakes: readonly Wake[], pool: Pool): void {
    this.emit(wakes)
    for (const notice of encode(wakes)) this.#unsent.add(notice)
    if (!this.#sending && this.#unsent.size > 0) void this.#sendAll(pool)
  }

  async #sendAll(pool: Pool): Promise<void> {
    this.#sending = true
    try {
      while (this.#unsent.size > 0) {
        const notices = [...this.#unsent]
        this.#unsent = new Set()
        await pool.run(notify, { channel: this.channel, notices: texts(notices) })
      }
    } catch {
      // A wake-up is a hint: the others find the rows with their next scan.
      this.#unsent.clear()
    } finally {
      this.#sending = false
    }
  }

  async start(): Promise<void> {
    if (this.#running || this.#options.config === null) return
    this.#running = true
    await this.#connect(false)
  }

  async stop(): Promise<void> {
    this.#running = false
    this.#cancelTimer()
    const client = this.#client
    this.#client = null
    if (client !== null) await drop(client)
  }

  /** Never throws: what fails is tried again later, further and further apart. */
  async #connect(again: boolean): Promise<void> {
    const client = new pg.Client({
      ...this.#options.config,
      connectionTimeoutMillis: answerWithinMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: heartbeatMs,
    })
    this.#client = client
    client.on('error', () => this.#lose(client))
    client.on('end', () => this.#lose(client))
    client.on('notification', ({ payload, processId }) => void this.#hear(client, payload ?? '', processId))
    try {
      await client.connect()
      await answered(client, `listen ${pg.escapeIdentifier(this.channel)}`)
    } catch {
      this.#lose(client)
      return
    }
    if (this.#client !== client) return
    this.#pauseMs = firstPauseMs
    this.#beatLater(client)
    if (again) this.emit([{ topic: 'rescan' }])
  }

  async #hear(client: pg.Client, notice: string, backend: number): Promise<void> {
    try {
      await this.#options.faults?.hit('listener.lost')
    } catch {
      this.#lose(client)
      return
    }
    if (this.#client === client && !this.#ownBackends.has(backend)) this.emit([decode(notice)])
  }

  #beatLater(client: pg.Client): void {
    this.#cancelTimer = this.#options.after(heartbeatMs, () => void this.#beat(client))
  }

  async #beat(client: pg.Client): Promise<void> {
    try {
      await this.#options.faults?.hit('listener.lost')
      await answered(client, 'select 1')
    } catch {
      this.#lose(client)
      return
    }
    if (this.#client === client) this.#beatLater(client)
  }

  #lose(client: pg.Client): void {
    if (this.#client !== client) return
    this.#client = null
    this.#cancelTimer()
    void drop(client)
    if (!this.#running) return
    this.#cancelTimer = this.#options.after(this.#pauseMs, () => void this.#connect(true))
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs)
  }
}

/** A half-open socket answers nothing, for ever (R7). */
function answered(client: pg.Client, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the listener does not answer')), answerWithinMs)
    client.query(text, (error: Error | null) => {
      clearTimeout(timer)
      if (error === null) resolve()
      else reject(error)
    })
  })
}

async function drop(client: pg.Client): Promise<void> {
  const ended = client.end().catch(() => undefined)
  client.connection.stream.destroy()
  await ended
}
