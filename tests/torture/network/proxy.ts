import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Dialogue } from './messages.ts'

/** `up`: what clients say is swallowed. `down`: what the server answers. */
export type Deafness = 'up' | 'down' | 'both'

/** A TCP proxy in front of PostgreSQL that breaks what a network breaks. */
export class Proxy {
  /** Each chunk travels so long, in each direction. */
  latencyMs = 0
  readonly #server: Server
  readonly #target: URL
  readonly #links = new Set<Link>()
  #refuses = false
  #refused = 0
  #deafness: Deafness | null = null
  /** Commits that go through until the next answer is lost; null: none is to be lost. */
  #until: number | null = null
  #lost = 0
  #late = 0

  static async start(databaseUrl: string): Promise<Proxy> {
    const proxy = new Proxy(databaseUrl)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  private constructor(databaseUrl: string) {
    this.#target = new URL(databaseUrl)
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket))
  }

  /** Host and port. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get connections(): number {
    return this.#links.size
  }

  /** Connections that were not taken. */
  get refused(): number {
    return this.#refused
  }

  /** Commits that the server has done and whose clients never heard of it. */
  get lost(): number {
    return this.#lost
  }

  /** Chunks that came late. */
  get late(): number {
    return this.#late
  }

  /** Breaks every connection; new ones are taken. Returns how many there were. */
  cut(): number {
    const { size } = this.#links
    for (const link of [...this.#links]) link.end()
    return size
  }

  /** Every connection, and each new one until `heal`, stays open and is deaf for ever. Returns how many there were. */
  deafen(deafness: Deafness): number {
    this.#deafness = deafness
    for (const link of this.#links) link.deafness = deafness
    return this.#links.size
  }

  /** As `deafen`, but new connections work. */
  deafenOpen(deafness: Deafness): number {
    for (const link of this.#links) link.deafness = deafness
    return this.#links.size
  }

  /** Takes no new connections until `heal`. */
  refuse(): void {
    this.#refuses = true
  }

  /** New connections work. What was deafened stays so: a network forgets. */
  heal(): void {
    this.#refuses = false
    this.#deafness = null
    this.latencyMs = 0
    for (const link of [...this.#links]) if (link.isLeft) link.end()
  }

  /** Cuts a connection when the next commit but `after` has left for the server, which does it. */
  loseCommit(after: number): void {
    this.#until = after
  }

  stop(): void {
    this.#server.close()
    this.cut()
  }

  #accept(client: Socket): void {
    if (this.#refuses) {
      this.#refused += 1
      client.on('error', () => undefined).destroy()
      return
    }
    const { hostname, port } = this.#target
    const server = connect({ host: hostname, port: Number(port || 5432), noDelay: true })
    const link: Link = new Link(client, server, {
      latencyMs: () => {
        if (this.latencyMs > 0) this.#late += 1
        return this.latencyMs
      },
      losesCommit: () => this.#losesCommit(),
      onLost: () => (this.#lost += 1),
      onEnd: () => this.#links.delete(link),
    })
    link.deafness = this.#deafness
    this.#links.add(link)
  }

  #losesCommit(): boolean {
    if (this.#until === null) return false
    this.#until -= 1
    if (this.#until >= 0) return false
    this.#until = null
    return true
  }
}

interface LinkOptions {
  readonly latencyMs: () => number
  readonly losesCommit: () => boolean
  readonly onLost: () => void
  readonly onEnd: () => void
}

/** One connection and its other half. */
class Link {
  deafness: Deafness | null = null
  readonly #client: Socket
  readonly #server: Socket
  readonly #options: LinkOptions
  readonly #dialogue = new Dialogue()
  #isMute = false

  constructor(client: Socket, server: Socket, options: LinkOptions) {
    this.#client = client
    this.#server = server
    this.#options = options
    const up = new Lane(server, options.latencyMs)
    const down = new Lane(client, options.latencyMs)
    client.on('data', (chunk) => this.#say(chunk, up))
    server.on('data', (chunk) => this.#answer(chunk, down))
    for (const socket of [client, server]) socket.on('error', () => undefined)
    client.on('close', () => {
      // The server is to do what was sent.
      if (!this.#isMute) this.#closed('up')
    })
    server.on('close', () => this.#closed('down'))
  }

  /** Its client has given it up; the server is soon to find out. */
  get isLeft(): boolean {
    return this.#client.closed && !this.#isMute
  }

  end(): void {
    this.#client.destroy()
    this.#server.destroy()
    this.#options.onEnd()
  }

  #say(chunk: Buffer, up: Lane): void {
    if (this.#isDeaf('up')) return
    const isLost = this.#dialogue.asks(chunk) && !this.#isMute && this.#options.losesCommit()
    up.send(chunk)
    if (!isLost) return
    this.#isMute = true
    this.#client.destroy()
  }

  #answer(chunk: Buffer, down: Lane): void {
    const answer = this.#dialogue.answers(chunk)
    if (this.#isMute) {
      if (answer === 'done') this.#options.onLost()
      if (answer !== null) this.end()
      return
    }
    if (!this.#isDeaf('down')) down.send(chunk)
  }

  /** A farewell is not heard, either. */
  #closed(direction: 'up' | 'down'): void {
    if (!this.#isDeaf(direction)) this.end()
    else if (this.#client.closed && this.#server.closed) this.#options.onEnd()
  }

  #isDeaf(direction: 'up' | 'down'): boolean {
    return this.deafness === 'both' || this.deafness === direction
  }
}

/** One direction: in order, each chunk late by what holds when it is sent. */
class Lane {
  readonly #to: Socket
  readonly #latencyMs: () => number
  readonly #travelling: { readonly chunk: Buffer; readonly at: number }[] = []

  constructor(to: Socket, latencyMs: () => number) {
    this.#to = to
    this.#latencyMs = latencyMs
  }

  send(chunk: Buffer): void {
    const late = this.#latencyMs()
    if (late === 0 && this.#travelling.length === 0) {
      this.#arrive(chunk)
      return
    }
    const at = Math.max(performance.now() + late, this.#travelling.at(-1)?.at ?? 0)
    this.#travelling.push({ chunk, at })
    if (this.#travelling.length === 1) this.#wait()
  }

  #wait(): void {
    const [next] = this.#travelling
    if (next === undefined) return
    setTimeout(
      () => {
        this.#arrive(next.chunk)
        this.#travelling.shift()
        this.#wait()
      },
      Math.max(0, next.at - performance.now()),
    )
  }

  #arrive(chunk: Buffer): void {
    if (this.#to.writable) this.#to.write(chunk)
  }
}
