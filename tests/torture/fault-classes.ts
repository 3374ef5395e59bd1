import { startCluster, type Cluster } from './cluster.ts'
import { crashAt, crashesUnderLoad, crashPoints } from './crashes.ts'
import { doubleFaults, faultTwice } from './double-faults.ts'
import { Findings, type Evidence } from './evidence.ts'
import { frozenPastItsLease } from './freeze.ts'
import { deathsInBatches, randomKills } from './kills.ts'
import { exhausted, killedBackends } from './network/backends.ts'
import {
  halfOpens,
  lostCommits,
  randomCuts,
  type NetworkOptions,
  type NetworkOutcome,
} from './network/cuts.ts'
import type { Outcome } from './run.ts'
import type { Sabotage } from './sabotage.ts'
import { postgresTarget, sqliteTarget, type Target } from './target.ts'

import { toolCases } from './tool-cases.ts'
import { toolFaultAt } from './tool-points.ts'

type Database = 'sqlite' | 'postgres'

export interface RoundOptions {
  readonly times: number
  readonly workers: number
  readonly seed: number
  /** Of batches beside the kills. */
  readonly records: number
  /** How many went before in this run of the command. */
  readonly nth: number
  readonly sabotage?: Sabotage
}

export interface CountedOutcome extends Outcome {
  /** How many of `times` really happened. */
  readonly happened: number
}

/** Where the rounds of one class take place. */
interface FaultBench {
  round(options: RoundOptions): Promise<CountedOutcome>
  close(): Promise<void>
}

/** A class of faults that the torture command is asked for by number: `--name N`. */
export interface FaultClass {
  readonly name: string
  /** Needs this database. */
  readonly only?: Database
  /** Faults between two full checks. */
  readonly perRound: number
  open(database: Database, databaseUrl: string | undefined): Promise<FaultBench>
}

type Round = (target: Target, options: RoundOptions) => Promise<CountedOutcome>

/** Each round in an empty target. */
function inTarget(round: Round): FaultClass['open'] {
  return async (_, url) => ({
    round: async (options) =>
      round(url === undefined ? await sqliteTarget() : await postgresTarget(url), options),
    close: async () => undefined,
  })
}

function inNetwork(
  fault: (target: Target, options: NetworkOptions) => Promise<NetworkOutcome>,
): FaultClass['open'] {
  return inTarget(fault)
}

/** On a server of its own, which may be crashed. */
function inCluster(
  settings: Readonly<Record<string, string>>,
  round: (cluster: Cluster, options: RoundOptions) => Promise<CountedOutcome>,
): FaultClass['open'] {
  return async () => {
    const cluster = await startCluster(settings)
    if (cluster === undefined) throw new Error('there are no PostgreSQL binaries')
    return { round: (options) => round(cluster, options), close: () => cluster.drop() }
  }
}

export const faultClasses: readonly FaultClass[] = [
  {
    name: 'kills',
    perRound: 20,
    open: inTarget(async (target, { times, nth: _, ...options }) => {
      const outcome = await randomKills(target, { ...options, kills: times })
      if (options.records > 0 && times > 10 && deathsInBatches(outcome.evidence) === 0)
        throw new Error(`seed ${options.seed}: none of ${times} kills met a batch`)
      return { ...outcome, happened: new Findings(outcome.evidence).deaths.size }
    }),
  },
  {
    name: 'freezes',
    perRound: 1,
    open: inTarget(async (target, { nth, sabotage }) => {
      const where = nth % 2 === 0 ? 'idle' : 'writing'
      const outcome = await frozenPastItsLease(target, {
        where,
        ...(sabotage === undefined ? {} : { sabotage }),
      })
      return { ...outcome, happened: countOf(outcome.evidence, 'fault', 'stop') }
    }),
  },
  {
    name: 'crashes',
    only: 'postgres',
    perRound: 10,
    // Claims do not wait for the disk: so a crash loses the last of them for certain.
    open: inCluster({ wal_writer_delay: '10s' }, async (cluster, options) => {
      const outcome = await crashesUnderLoad(cluster, options)
      return { ...outcome, happened: countOf(outcome.evidence, 'did', 'crash') }
    }),
  },
  {
    name: 'recovery-crashes',
    only: 'postgres',
    perRound: 1,
    open: inCluster({}, async (cluster, { seed }) => {
      // Each round has the next seed, so that all are walked.
      const point = crashPoints[seed % crashPoints.length]
      if (point === undefined) throw new Error('there are no crash points')
      const outcome = await crashAt(cluster, point)
      return { ...outcome, happened: countOf(outcome.evidence, 'did', 'crash') }
    }),
  },
  { name: 'cuts', only: 'postgres', perRound: 20, open: inNetwork(randomCuts) },
  { name: 'lost-commits', only: 'postgres', perRound: 20, open: inNetwork(lostCommits) },
  { name: 'half-opens', only: 'postgres', perRound: 6, open: inNetwork(halfOpens) },
  { name: 'backends', only: 'postgres', perRound: 20, open: inNetwork(killedBackends) },
  {
    name: 'exhaustions',
    only: 'postgres',
    perRound: 5,
    open: inCluster({ max_connections: '60' }, async (cluster, options) =>
      exhausted(await postgresTarget(cluster.url), options),
    ),
  },
  {
    name: 'tool-points',
    perRound: 1,
    open: inTarget(async (target, { nth, seed }) => {
      const all = toolCases(seed - nth)
      const one = all[nth % all.length]
      if (one === undefined) throw new Error('there are no points')
      return { ...(await toolFaultAt(target, one)), happened: 1 }
    }),
  },
  {
    name: 'doubles',
    perRound: 1,
    open: inTarget(async (target, { nth, seed }) => {
      // One order for the whole run: its first seed is that of this round less what went before.
      const all = doubleFaults(target.kind, seed - nth)
      const fault = all[nth % all.length]
      if (fault === undefined) throw new Error('there are no double faults')
      return { ...(await faultTwice(target, fault)), happened: 1 }
    }),
  },
]

function countOf({ entries }: Evidence, kind: 'did' | 'fault', action: string): number {
  return entries.filter((entry) => entry.kind === kind && entry.action === action).length
}
