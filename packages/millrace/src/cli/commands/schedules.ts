import type { Mill, NextFire, ScheduleView } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { findConfig, look, quietly, withMill } from '../session.ts'
import { printTable } from '../table.ts'
import { note, print, shortTime } from '../text.ts'
import { UsageError } from '../usage-error.ts'

interface Options extends GlobalOptions {
  readonly tenant?: string | undefined
}

export async function listSchedules(options: Options): Promise<void> {
  const { tenant, json } = options
  const schedules = await look(options, (mill) => mill.schedules.list(tenant === undefined ? {} : { tenant }))
  if (json) printJson({ schedules })
  else if (schedules.length === 0) print('no schedules')
  else
    printTable<ScheduleView>(
      [
        { title: 'NAME', value: ({ name }) => name },
        { title: 'TENANT', value: (one) => one.tenant },
        { title: 'STATE', value: ({ state }) => state },
        { title: 'RUNS', value: ({ runs }) => runs.name },
        { title: 'WHEN', value: whenOf },
        { title: 'ZONE', value: ({ timeZone }) => timeZone },
        { title: 'NEXT', value: ({ nextFire }) => (nextFire === null ? '' : shortTime(nextFire)) },
        {
          title: 'LAST',
          value: ({ previousFire }) => (previousFire === null ? '' : shortTime(previousFire)),
        },
        { title: 'FIRED', value: ({ timesTriggered }) => String(timesTriggered), right: true },
        { title: 'IN WORDS', value: ({ describes }) => describes },
      ],
      schedules,
    )
}

function whenOf({ cron, everyMs }: ScheduleView): string {
  return cron ?? (everyMs === null ? 'once' : `every ${everyMs / 1_000} s`)
}

export async function nextFires(
  name: string,
  options: Options & { readonly count?: number | undefined; readonly zone?: string | undefined },
): Promise<void> {
  const { count, zone, json } = options
  const fires = await look(options, (mill) =>
    mill.schedules.next(name, {
      ...ofTenant(options),
      ...(count === undefined ? {} : { count }),
      ...(zone === undefined ? {} : { timeZone: zone }),
    }),
  )
  if (json) printJson({ fires })
  else if (fires.length === 0) print('it fires never again')
  else
    printTable<NextFire>(
      [
        { title: 'ITS ZONE', value: ({ local }) => local },
        { title: zone ?? 'UTC', value: ({ there }) => there },
        { title: 'ALSO THEN', value: ({ collisions }) => collisions.join(', ') },
      ],
      fires,
    )
}

export async function pauseSchedules(
  verb: 'pause' | 'resume',
  names: readonly string[],
  options: Options & { readonly all?: true | undefined },
): Promise<void> {
  if (options.all === true ? names.length > 0 : names.length === 0)
    throw new UsageError(`say what to ${verb}: names, or --all`)
  const changed = await look(options, (mill) =>
    mill.schedules[verb](options.all === true ? '*' : names, ofTenant(options)),
  )
  if (options.json) printJson({ changed })
  else print(`${changed} ${verb}d`)
}

export async function runSchedule(name: string, options: Options): Promise<void> {
  const asked = await withDefinitions(options, (mill) => mill.schedules.run(name, ofTenant(options)))
  if (options.json) printJson(asked)
  else if (asked.jobId !== null) print(asked.jobId)
  else note(`${asked.state}: a job of an earlier fire has not ended`)
}

export async function backfillSchedule(
  name: string,
  options: Options & { readonly from: Date; readonly to: Date },
): Promise<void> {
  const { from, to } = options
  const done = await withDefinitions(options, (mill) =>
    mill.schedules.backfill(name, { ...ofTenant(options), from, to }),
  )
  if (options.json) printJson(done)
  else
    print(
      `${done.fired} fired, ${done.queued} queued, ${done.skipped} skipped, ${done.already} had fired already`,
    )
}

/** A job is checked by its definition before it is enqueued. */
async function withDefinitions<T>(options: Options, work: (mill: Mill) => Promise<T>): Promise<T> {
  const { config } = await findConfig(options)
  return withMill(quietly(config), work)
}

function ofTenant({ tenant }: Options): { readonly tenant?: string } {
  return tenant === undefined ? {} : { tenant }
}
