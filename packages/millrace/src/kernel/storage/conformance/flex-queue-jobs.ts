import { expect } from 'vitest'
import type { JobId, Lane } from '../../rules/execution.ts'
import { outcomes } from '../../rules/outcome.ts'
import { flexKeyName } from '../flex-queues.ts'
import type { NewJob } from '../jobs.ts'
import type { Storage } from '../storage.ts'
import { type Bench, decision, newJob, type JobChange } from './fixtures.ts'

export const patient = 20_000

export interface Queue {
  readonly tenant: string
  readonly lane: Lane
  readonly key: number
  readonly slots: number
}

/** A tenant with a flex queue, and nothing in it. */
export async function queueOf(bench: Bench, slots: number, most: number | null = 100): Promise<Queue> {
  const lane = await bench.lane({ name: 'nightly' })
  const { tenant } = lane
  return { tenant, lane, slots, key: await define(bench, tenant, slots, most) }
}

export async function define(
  bench: Bench,
  tenant: string,
  slots: number,
  most: number | null,
): Promise<number> {
  const spec = { name: flexKeyName(tenant), slots, rate: null, perProcess: false, flex: { most } }
  const [key] = await bench.storage.limits.define([spec])
  return key as number
}

export const jobOf = ({ lane, key }: Queue, { options, ...change }: JobChange = {}): NewJob =>
  newJob(lane, { options: { several: true, ...options, flex: key }, ...change })

export async function enqueue(
  bench: Bench,
  queue: Queue,
  n: number,
  change: JobChange = {},
): Promise<JobId[]> {
  const jobs = Array.from({ length: n }, () => jobOf(queue, change))
  for (const job of jobs) await bench.storage.jobs.enqueueAlone(job, patient)
  return jobs.map(({ id }) => id)
}

export async function view(storage: Storage, { tenant }: Queue) {
  const found = await storage.flexQueues.look(tenant)
  if (found === null) throw new Error(`tenant ${tenant} has no flex queue`)
  const { active, holding, activeJobs, holdingJobs } = found
  expect([activeJobs.length, holdingJobs.length]).toEqual([active, holding])
  return found
}

export const holding = async (bench: Bench, queue: Queue) => (await view(bench.storage, queue)).holdingJobs
export const active = async (bench: Bench, queue: Queue) => (await view(bench.storage, queue)).activeJobs

/** Runs what is ready of the queue's lane to this end, without telling the queue. */
export async function end(bench: Bench, queue: Queue, n: number, outcome: number = outcomes.completed) {
  const batch = await bench.take(await bench.worker(), queue.lane, { quota: n })
  expect(await bench.settle(batch.members.map((run) => decision(run, outcome as 10)))).toEqual([])
  return batch.members.map(({ job }) => job)
}
