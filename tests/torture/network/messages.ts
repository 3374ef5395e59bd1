/** One message of PostgreSQL's protocol. Startup messages have no type: ''. */
interface Message {
  readonly type: string
  readonly body: Buffer
}

/** Splits what flows in one direction into messages. */
export class Messages {
  #rest: Buffer = Buffer.alloc(0)
  #isStarted: boolean

  /** Clients begin with a message without a type. */
  constructor(from: 'client' | 'server') {
    this.#isStarted = from === 'server'
  }

  /** The messages that this chunk completes. */
  push(chunk: Buffer): Message[] {
    const messages: Message[] = []
    let rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const head = this.#isStarted ? 1 : 0
      if (rest.length < head + 4) break
      const end = head + rest.readUInt32BE(head)
      if (rest.length < end) break
      messages.push({ type: rest.toString('latin1', 0, head), body: rest.subarray(head + 4, end) })
      this.#isStarted = true
      rest = rest.subarray(end)
    }
    this.#rest = rest
    return messages
  }
}

/** What one connection asks and is answered, request by request. */
export class Dialogue {
  readonly #fromClient = new Messages('client')
  readonly #fromServer = new Messages('server')
  readonly #prepared = new Map<string, string>()
  #bound: string[] = []
  #inTransaction = false
  #refused = false

  /** Whether this chunk ends a request that commits: COMMIT itself, or a writing statement outside of a transaction. */
  asks(chunk: Buffer): boolean {
    let commits = false
    for (const { type, body } of this.#fromClient.push(chunk)) {
      if (type === 'P') this.#prepared.set(textAt(body, 0), textAt(body, 1))
      if (type === 'B') this.#bound.push(this.#prepared.get(textAt(body, 1)) ?? '')
      if (type === 'Q') commits ||= this.#commits([textAt(body, 0)])
      if (type === 'S') commits ||= this.#commits(this.#bound.splice(0))
    }
    return commits
  }

  /** Whether this chunk ends the answer to a request, and how. */
  answers(chunk: Buffer): 'done' | 'refused' | null {
    let answer: 'done' | 'refused' | null = null
    for (const { type, body } of this.#fromServer.push(chunk)) {
      if (type === 'E') this.#refused = true
      if (type !== 'Z') continue
      this.#inTransaction = body.toString('latin1', 0, 1) !== 'I'
      answer = this.#refused ? 'refused' : 'done'
      this.#refused = false
    }
    return answer
  }

  #commits(texts: readonly string[]): boolean {
    return texts.some(
      (text) =>
        /^commit\b/i.test(text) || (!this.#inTransaction && /\b(insert into|delete from)\b/i.test(text)),
    )
  }
}

/** The n-th text of a message, each ended by a zero. */
function textAt(body: Buffer, place: number): string {
  return body.toString('utf8').split('\0', place + 1)[place] ?? ''
}
