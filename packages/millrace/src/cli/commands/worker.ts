import { constants } from 'node:os'
import { stdoutSink, type EngineEvent, type Mill, type MillConfig } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJsonLine } from '../json.ts'
import { findConfig, shownStorage, withMill } from '../session.ts'
import { note, paint, plural, print, shortDuration } from '../text.ts'

interface Options extends GlobalOptions {
  readonly concurrency?: number | undefined
  readonly queues?: readonly string[] | undefined
  readonly verbose?: true | undefined
}

type Ended = Extract<EngineEvent, { kind: 'execution.ended' }>

/** Works until a signal: the first lets running handlers finish, a second ends the process at once. */
export async function worker({ concurrency, queues, verbose, json, ...options }: Options): Promise<void> {
  const { config: found, path } = await findConfig(options)
  const config: MillConfig = {
    ...found,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(queues === undefined ? {} : { only: queues }),
    // With --json stdout is the command's own.
    ...(json ? { log: { ...found.log, sink: found.log?.sink ?? stdoutSink(process.stderr) } } : {}),
  }
  await withMill(config, async (mill) => {
    const running = follow(mill, verbose === true ? (json ? reportEnd : printEnd) : () => undefined)
    const asked = signalled()
    await mill.start()
    if (json) printJsonLine({ event: 'started', workers: running.ids, ...describe(config, mill) })
    else print(startLine(config, mill, running.ids))
    if (mill.definitions.length === 0)
      note(
        `no definitions: this worker can run nothing${path === null ? ', as there is no millrace.config.{ts,mjs,js} here or above' : ''}`,
      )
    const signal = await asked
    const begun = performance.now()
    if (json) printJsonLine({ event: 'stopping', signal, running: running.count })
    else
      print(
        `${signal}: stopping${running.count === 0 ? '' : `, ${plural(running.count, 'execution')} may finish`}`,
      )
    await mill.stop()
    if (json) printJsonLine({ event: 'stopped', ms: Math.round(performance.now() - begun) })
    else print(`stopped after ${shortDuration(performance.now() - begun)}`)
  })
}

interface Running {
  readonly ids: number[]
  count: number
}

/** Counts what runs, and tells what ended. */
function follow(mill: Mill, onEnd: (event: Ended) => void): Running {
  const running: Running = { ids: [], count: 0 }
  mill.on((event) => {
    if (event.kind === 'worker.started') running.ids.push(event.worker)
    if (event.kind === 'execution.started') running.count += 1
    if (
      event.kind === 'execution.ended' ||
      event.kind === 'execution.handedBack' ||
      event.kind === 'execution.fenced'
    ) {
      running.count = Math.max(0, running.count - 1)
    }
    if (event.kind === 'execution.ended') onEnd(event)
  })
  return running
}

/** Resolves with the first signal; the second one ends the process with the code of a killed one. */
function signalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(128 + constants.signals[signal])
        asked = true
        resolve(signal)
      })
    }
  })
}

function describe(config: MillConfig, mill: Mill): object {
  return {
    storage: shownStorage(config),
    concurrency: config.concurrency ?? 10,
    queues: config.only ?? null,
    definitions: mill.definitions.map(({ name, version }) => ({ name, version })),
  }
}

function startLine(config: MillConfig, mill: Mill, ids: readonly number[]): string {
  const queues = config.only === undefined ? 'all queues' : `queues ${config.only.join(', ')}`
  const what = plural(mill.definitions.length, 'definition')
  return `worker ${ids.join(', ')} on ${shownStorage(config)}: ${config.concurrency ?? 10} at once, ${queues}, ${what}`
}

function printEnd({ key, lane, outcome, ms }: Ended): void {
  const good = ['succeeded', 'completed', 'skipped'].includes(outcome)
  const what =
    key.seq < 0 ? `finalizer of attempt ${-key.seq}, attempt ${key.attempt}` : `attempt ${key.attempt}`
  print(`${paint(good ? 'green' : 'red', outcome)} ${lane.name} ${key.job} (${what}) in ${shortDuration(ms)}`)
}

function reportEnd({ key, lane, outcome, ms }: Ended): void {
  const { name, tenant, queue } = lane
  const { job, seq, attempt } = key
  printJsonLine({ event: 'execution.ended', job, seq, attempt, name, tenant, queue, outcome, ms })
}
