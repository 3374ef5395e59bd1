import { hostname, userInfo } from 'node:os'
import type { Mill, Pause, PauseTarget } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { look } from '../session.ts'
import { printTable } from '../table.ts'
import { note, print, shortTime } from '../text.ts'
import { UsageError } from '../usage-error.ts'

interface Options extends GlobalOptions {
  readonly queue?: string | undefined
  readonly name?: string | undefined
  readonly tenant?: string | undefined
  readonly all?: true | undefined
}

export async function pauseOrResume(verb: 'pause' | 'resume', options: Options): Promise<void> {
  const target = targetOf(options)
  if (target !== null) await look(options, (mill) => change(mill, verb, target, options.json === true))
  else if (verb === 'resume') throw new UsageError('say what to resume: --queue, --name, --tenant or --all')
  else await listPauses(options)
}

function targetOf({ queue, name, tenant, all }: Options): PauseTarget | null {
  if (queue !== undefined) return { kind: 'queue', value: queue }
  if (name !== undefined) return { kind: 'name', value: name }
  if (tenant !== undefined) return { kind: 'tenant', value: tenant }
  return all ? { kind: 'all' } : null
}

async function change(
  mill: Mill,
  verb: 'pause' | 'resume',
  target: PauseTarget,
  json: boolean,
): Promise<void> {
  const changed = verb === 'pause' ? await mill.pause(target, whoami()) : await mill.resume(target)
  if (json) {
    printJson({ target, paused: verb === 'pause', changed })
    return
  }
  const state = verb === 'pause' ? 'paused' : 'resumed'
  const already = verb === 'pause' ? 'was paused already' : 'was not paused'
  print(`${shown(target)} ${changed ? state : already}`)
}

async function listPauses(options: Options): Promise<void> {
  const pauses = await look(options, (mill) => mill.pauses())
  if (options.json) {
    printJson({ pauses: pauses.map((pause) => ({ ...pause, since: new Date(pause.since) })) })
    return
  }
  if (pauses.length === 0) print('nothing is paused')
  else {
    printTable<Pause>(
      [
        { title: 'PAUSED', value: ({ target }) => shown(target) },
        { title: 'SINCE', value: ({ since }) => shortTime(new Date(since)) },
        { title: 'BY', value: ({ by }) => by ?? '' },
      ],
      pauses,
    )
  }
  note('to pause: millrace pause --queue <name> | --name <definition> | --tenant <name> | --all')
}

function shown(target: PauseTarget): string {
  if (target.kind === 'all') return 'everything'
  return `${target.kind === 'name' ? 'definition' : target.kind} ${target.value}`
}

function whoami(): string {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    // A container's user may have no name.
    return hostname()
  }
}
