import type { Lane } from '../../packages/millrace/src/kernel/rules/execution.ts'
import { order as fairOrder } from '../../packages/millrace/src/kernel/rules/fair-order.ts'
import { LaneQueue } from '../../packages/millrace/src/kernel/rules/lane-queue.ts'
import {
  createVirtualTimes,
  type VirtualTimes,
} from '../../packages/millrace/src/kernel/rules/virtual-times.ts'
import { takingTurns } from '../../packages/millrace/src/kernel/runtime/taking-turns.ts'
import { Heap } from './heap.ts'
import type { Trace } from './trace.ts'

export interface Engine {
  readonly workers: number
  /** Slots of each worker. */
  readonly concurrency: number
  /** What decides whose rows a claim names; the engine's own unless a test plants another. */
  readonly order?: typeof fairOrder
}

export interface Run {
  /** When each job began, ms. */
  readonly starts: Float64Array
  /** Jobs in the order in which they began. */
  readonly sequence: Int32Array
  /** The longest that a job stood in a worker's local queue. */
  readonly longestDrainMs: number
}

/** As the dispatcher bounds what waits in a worker. */
const localWorkMs = 250
const localMost = 4_000

interface Worker {
  readonly times: VirtualTimes
  readonly queue: LaneQueue
  readonly local: number[]
  head: number
  running: number
  averageMs: number
}

export const tenantName = (tenant: number): string => `t${String(tenant).padStart(6, '0')}`
const jobName = (job: number): string => String(job).padStart(8, '0')

/**
 * The engine's order on a virtual clock, by its own rules (`order`, virtual times, turns within a claim): workers that share the ready
 * rows, each fair by its own measure, each with a local queue. Claims and settles take no time.
 */
export function simulate(trace: Trace, engine: Engine): Run {
  const { laneTenants, lane, at, ms } = trace
  const { workers: count, concurrency, order = fairOrder } = engine
  const names = Array.from({ length: trace.tenants }, (_, tenant) => tenantName(tenant))
  const workers = Array.from({ length: count }, (): Worker => {
    const times = createVirtualTimes()
    return { times, queue: new LaneQueue(times), local: [], head: 0, running: 0, averageMs: 0 }
  })
  const queues: number[][] = Array.from(laneTenants, () => [])
  const heads = new Int32Array(laneTenants.length)
  const lanes = Array.from(laneTenants, (tenant, id): Lane => ({
    ...{ id, tenant: names[tenant] as string, queue: 'default', name: 'work', version: 1, gated: false },
  }))
  const starts = new Float64Array(at.length)
  const claimedAt = new Float64Array(at.length)
  const sequence: number[] = []
  const ends = new Heap()
  const workerOf = new Int32Array(at.length)
  const nameOf = (job: number): string => names[laneTenants[lane[job] as number] as number] as string
  let now = 0
  let longestDrainMs = 0

  function look(id: number): void {
    const job = queues[id]?.[heads[id] as number]
    const lane = lanes[id] as Lane
    if (job === undefined) {
      queues[id] = []
      heads[id] = 0
    }
    for (const { queue } of workers) {
      if (job === undefined) queue.remove({ lane })
      else queue.put({ lane, head: { prio: 5, job: jobName(job) }, after: null })
    }
  }

  function take(id: number, quota: number): number[] {
    const from = heads[id] as number
    const jobs = (queues[id] ?? []).slice(from, from + quota)
    heads[id] = from + jobs.length
    if (jobs.length > 0) look(id)
    return jobs
  }

  function roomOf({ local, head, running, averageMs }: Worker): number {
    const target =
      averageMs === 0 ? 0 : Math.min(localMost, Math.floor((concurrency * localWorkMs) / averageMs))
    const waiting = local.length - head
    return waiting * 2 > target ? 0 : target - waiting + concurrency - running
  }

  function claim(worker: Worker, index: number): void {
    for (let room = roomOf(worker); room > 0 && worker.queue.size > 0; room = roomOf(worker)) {
      const quotas = order(worker.queue.tenants(), { total: room, queues: new Map() })
      const free = Math.max(0, concurrency - worker.running - (worker.local.length - worker.head))
      const rows = quotas.flatMap(({ lane: id, quota }) => take(id, quota)).sort((a, b) => a - b)
      if (rows.length === 0) return
      const owners = quotas.map(({ lane: id }) => lanes[id]?.tenant)
      const behind = takingTurns(rows.slice(free), nameOf, owners)
      for (const job of rows) worker.times.took(nameOf(job), 1)
      for (const job of [...rows.slice(0, free), ...behind]) {
        workerOf[job] = index
        claimedAt[job] = now
        worker.local.push(job)
      }
      begin(worker)
    }
  }

  function begin(worker: Worker): void {
    while (worker.running < concurrency && worker.head < worker.local.length) {
      const job = worker.local[worker.head] as number
      worker.head += 1
      worker.running += 1
      starts[job] = now
      longestDrainMs = Math.max(longestDrainMs, now - (claimedAt[job] as number))
      sequence.push(job)
      ends.push(now + (ms[job] as number), job)
    }
    if (worker.head === worker.local.length) worker.local.length = worker.head = 0
  }

  function end(job: number): void {
    const index = workerOf[job] as number
    const worker = workers[index] as Worker
    const sample = ms[job] as number
    worker.running -= 1
    worker.times.left(nameOf(job), 1)
    worker.times.charge(nameOf(job), sample)
    worker.averageMs =
      worker.averageMs === 0
        ? sample
        : worker.averageMs + (sample - worker.averageMs) * (sample > worker.averageMs ? 0.3 : 0.01)
    begin(worker)
    claim(worker, index)
  }

  let next = 0
  while (next < at.length || ends.size > 0) {
    const arrival = next < at.length ? (at[next] as number) : Infinity
    if (ends.least <= arrival) {
      now = ends.least
      end(ends.pop())
      continue
    }
    now = arrival
    for (; next < at.length && at[next] === arrival; next += 1) {
      const id = lane[next] as number
      if (queues[id]?.push(next) === (heads[id] as number) + 1) look(id)
    }
    // Everybody is woken; who hears it first is chance.
    for (let n = 0; n < count; n += 1) {
      const index = (next + n) % count
      claim(workers[index] as Worker, index)
    }
  }
  return { starts, sequence: Int32Array.from(sequence), longestDrainMs }
}
