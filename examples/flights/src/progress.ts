export interface Standing {
  readonly airports: Part
  readonly flights: Part
}

interface Part {
  readonly done: number
  readonly total: number
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
    const step = Math.floor(steps * shareOf(standing))
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
    const filled = Math.round(width * shareOf(this.#standing))
    this.#stream.write(`${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${this.#text(this.#standing)}`)
    this.#drawn = true
  }

  #clear(): void {
    if (this.#drawn) this.#stream.write('\r\x1b[K')
    this.#drawn = false
  }

  #text({ airports, flights }: Standing): string {
    const seconds = ((performance.now() - this.#begun) / 1000).toFixed(1)
    return `${airports.done} of ${airports.total} airports, ${flights.done} of ${flights.total} flights, ${seconds} s`
  }
}

/** From 0 to 1: each kind is half of the way. */
function shareOf({ airports, flights }: Standing): number {
  return (airports.done / airports.total + flights.done / flights.total) / 2
}
