import type { Lane, LaneId, LaneSpec } from '../rules/execution.ts'
import type { Lanes } from '../storage/lanes.ts'

/** Lanes are never deleted or changed, so a process keeps all it has seen. */
export class LaneCache {
  readonly #lanes: Lanes
  readonly #byId = new Map<LaneId, Lane>()
  readonly #byKey = new Map<string, Lane>()
  readonly #interning = new Map<string, Promise<Lane>>()

  constructor(lanes: Lanes) {
    this.#lanes = lanes
  }

  get(id: LaneId): Lane | undefined {
    return this.#byId.get(id)
  }

  known(spec: LaneSpec): Lane | undefined {
    return this.#byKey.get(keyOf(spec))
  }

  /** Interns what is new, in a transaction of its own; callers of one lane share the call. */
  async intern(specs: readonly LaneSpec[]): Promise<readonly Lane[]> {
    const missing = new Map<string, LaneSpec>()
    for (const spec of specs) {
      const key = keyOf(spec)
      if (!this.#byKey.has(key) && !this.#interning.has(key)) missing.set(key, spec)
    }
    if (missing.size > 0) {
      const made = this.#lanes.intern([...missing.values()])
      ;[...missing.keys()].forEach((key, index) => {
        const lane = made.then((lanes) => this.#keep(lanes[index] as Lane))
        // Whoever waits below sees the rejection; this branch only cleans up.
        void lane.catch(() => undefined).finally(() => this.#interning.delete(key))
        this.#interning.set(key, lane)
      })
    }
    return Promise.all(
      specs.map(
        async (spec) => this.#byKey.get(keyOf(spec)) ?? (this.#interning.get(keyOf(spec)) as Promise<Lane>),
      ),
    )
  }

  /** Reads the unknown ones among `ids`. */
  async load(ids: readonly LaneId[]): Promise<void> {
    const missing = ids.filter((id) => !this.#byId.has(id))
    if (missing.length === 0) return
    for (const lane of await this.#lanes.read(missing)) this.#keep(lane)
  }

  #keep(lane: Lane): Lane {
    this.#byId.set(lane.id, lane)
    this.#byKey.set(keyOf(lane), lane)
    return lane
  }
}

function keyOf(spec: LaneSpec): string {
  return `${spec.tenant}\n${spec.queue}\n${spec.name}\n${spec.version}\n${spec.gated ? 1 : 0}`
}
