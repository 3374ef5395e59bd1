export interface Standing {
  readonly done: number
  readonly total: number
  readonly running: number
}

const width = 30
/** A pipe gets a line for every tenth of the way. */
const steps = 10

/** Tells how far it is: one line redrawn on a terminal, a line now and then in a pipe. Other lines pass above it. */
export class Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #begun = performance.now()
  #standing: Standing | null = null
  #drawn = false
  #step = -1

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  readonly say = (line: string): void => {
    this.#clear()
    this.#stream.write(`${line}\n`)
    this.#draw()
  }

  show(standing: Standing): void {
    this.#standing = standing
    if (this.#stream.isTTY) {
      this.#clear()
      this.#draw()
      return
    }
    const step = Math.floor((steps * standing.done) / standing.total)
    if (step === this.#step) return
    this.#step = step
    this.#stream.write(`${this.#text(standing)}\n`)
  }

  /** What was last shown stays; lines follow below it. */
  end(): void {
    if (this.#drawn) this.#stream.write('\n')
    this.#drawn = false
    this.#standing = null
  }

  #draw(): void {
    if (this.#standing === null || !this.#stream.isTTY) return
    const filled = Math.round((width * this.#standing.done) / this.#standing.total)
    this.#stream.write(`${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${this.#text(this.#standing)}`)
    this.#drawn = true
  }

  #clear(): void {
    if (this.#drawn) this.#stream.write('\r\x1b[K')
    this.#drawn = false
  }

  #text({ done, total, running }: Standing): string {
    const seconds = ((performance.now() - this.#begun) / 1000).toFixed(1)
    return `${done} of ${total} airports, ${running} running, ${seconds} s`
  }
}
