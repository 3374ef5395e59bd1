import { text } from 'node:stream/consumers'
import { MillraceError, type Definition, type EnqueueOptions, type Mill } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson, toJson } from '../json.ts'
import { nearNames } from '../near.ts'
import { findConfig, quietly, withMill } from '../session.ts'
import { note, print } from '../text.ts'
import { UsageError } from '../usage-error.ts'

interface Options extends GlobalOptions {
  readonly delay?: string | undefined
  readonly runAt?: string | undefined
  readonly tenant?: string | undefined
  readonly queue?: string | undefined
  readonly priority?: number | undefined
  readonly unique?: string | undefined
  readonly onDuplicate?: 'throw' | 'return' | 'replace' | undefined
  readonly until?: string | undefined
  readonly tag: readonly string[]
  readonly wait?: true | undefined
  readonly timeout?: string | undefined
  /** No definition of another tool. */
  readonly tool?: string | undefined
}

export async function enqueue(name: string, input: string | undefined, options: Options): Promise<void> {
  const enqueueOptions = optionsOf(options)
  const value = parse(input === '-' ? await text(process.stdin) : input)
  const { config, path } = await findConfig(options)
  await withMill(quietly(config), async (mill) => {
    const job = await mill.enqueue(definitionOf(mill, name, path, options.tool), value, enqueueOptions)
    if (job.duplicate) note(`${job.id} was there already: nothing was enqueued`)
    if (!options.wait) {
      if (options.json) printJson({ id: job.id, duplicate: job.duplicate })
      else print(job.id)
      return
    }
    if (!options.json) note(job.id)
    const result = await job.completed(options.timeout === undefined ? {} : { timeout: options.timeout })
    if (options.json) printJson({ id: job.id, duplicate: job.duplicate, result })
    else if (result !== undefined) print(toJson(result))
  })
}

function optionsOf(options: Options): EnqueueOptions {
  const { delay, runAt, tenant, queue, priority, unique, onDuplicate, until, tag, wait, timeout } = options
  if (unique === undefined && (onDuplicate ?? until) !== undefined) {
    throw new UsageError('--on-duplicate and --until go with --unique')
  }
  if (!wait && timeout !== undefined) throw new UsageError('--timeout goes with --wait')
  return {
    ...(delay === undefined ? {} : { delay }),
    ...(runAt === undefined ? {} : { runAt }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
    ...(tag.length === 0 ? {} : { tags: tag }),
    ...(unique === undefined
      ? {}
      : {
          unique: {
            key: unique,
            ...(onDuplicate === undefined ? {} : { on: onDuplicate }),
            ...(until === undefined ? {} : { until }),
          },
        }),
  }
}

function parse(input: string | undefined): unknown {
  if (input === undefined) return undefined
  try {
    return JSON.parse(input)
  } catch (error) {
    throw new UsageError(`the input is no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The newest version of the name. */
function definitionOf(mill: Mill, name: string, path: string | null, tool?: string): Definition {
  const known = mill.definitions.filter((one) => tool === undefined || one.tool === tool)
  const [found] = known.filter((one) => one.name === name).sort((a, b) => b.version - a.version)
  if (found !== undefined) return found
  const names = [...new Set(known.map((one) => one.name))].sort()
  const near = nearNames(name, names)
  throw new MillraceError(
    'MILL_DEFINITION_UNKNOWN',
    `there is no ${tool ?? 'definition'} ${name}${hint(near, names, path)}`,
    {
      data: { name, near, known: names },
    },
  )
}

function hint(near: readonly string[], names: readonly string[], path: string | null): string {
  if (near.length > 0) return `; did you mean ${near.join(' or ')}?`
  if (path === null) return ': no millrace.config.{ts,mjs,js} was found here or above'
  if (names.length === 0) return `: ${path} names no definitions`
  return `; there is ${names.slice(0, 10).join(', ')}${names.length > 10 ? '…' : ''}`
}
