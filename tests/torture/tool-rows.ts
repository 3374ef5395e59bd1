import { runsOfItems, type ItemRow, type ItemRun } from './item-runs.ts'

/** Of batches and schedules, as their tables have it. */
export interface ToolRows {
  readonly items: readonly ItemRun[]
  /** What finishes of batches wrote. */
  readonly totals: readonly TotalRow[]
  readonly states: readonly StateRow[]
  readonly asides: readonly AsideRow[]
  readonly schedules: readonly ScheduleRow[]
  readonly fires: readonly FireRow[]
}

export interface TotalRow {
  readonly job: string
  readonly token: string
  readonly count: number
  readonly sum: number
}

export interface StateRow {
  readonly job: string
  readonly total: number
  readonly processed: number
  readonly failed: number
  readonly chunks: number
  readonly errors: number
  /** `ctx.state`, as the next execution would be given it. */
  readonly count: number
  readonly sum: number
}

export interface AsideRow {
  readonly job: string
  readonly number: number
  readonly count: number
  readonly by: string | null
}

/** Times are epoch ms. */
export interface ScheduleRow {
  readonly id: string
  readonly name: string
  readonly next: number | null
  readonly triggered: number
}

export interface FireRow {
  readonly schedule: string
  readonly due: number
  readonly state: 'fired' | 'queued' | 'skipped' | 'missed'
  readonly job: string | null
  readonly at: number
  readonly n: number
}

export const noToolRows: ToolRows = {
  ...{ items: [], totals: [], states: [], asides: [], schedules: [], fires: [] },
}

// As they are on disk, written down once more: the checker must not believe the engine's own table.
const fireStates: Readonly<Record<number, FireRow['state']>> = {
  1: 'fired',
  2: 'fired',
  3: 'queued',
  4: 'skipped',
  5: 'missed',
}

export async function readToolRows(
  ask: (sql: string) => Promise<Record<string, unknown>[]>,
  table: (name: string) => string,
  own: (name: string) => string,
  ms: (column: string) => string,
): Promise<ToolRows> {
  const numbers =
    (row: Record<string, unknown>): ((name: string) => number) =>
    (name) =>
      Number(row[name])
  const id = (column: string): string => `cast(${column} as text) as ${column}`
  return {
    items: runsOfItems(
      (await ask(`select id, n, token from ${own('item')} order by id`)) as unknown as ItemRow[],
    ),
    totals: (await ask(`select job, token, count, sum from ${own('total')} order by job`)).map((row) => ({
      job: row['job'] as string,
      token: row['token'] as string,
      count: Number(row['count']),
      sum: Number(row['sum']),
    })),
    states: (
      await ask(
        `select ${id('job')}, total, processed, failed, chunks, errors, data from ${table('state')} order by 1`,
      )
    ).map((row) => {
      const of = numbers(row)
      const { state } = JSON.parse(row['data'] as string) as { state: { json: string } | null }
      const { count, sum } = JSON.parse(state?.json ?? '{}') as { count?: number; sum?: number }
      return {
        job: row['job'] as string,
        ...{ total: of('total'), processed: of('processed'), failed: of('failed') },
        ...{ chunks: of('chunks'), errors: of('errors'), count: count ?? 0, sum: sum ?? 0 },
      }
    }),
    asides: (
      await ask(
        `select ${id('job')}, number, count, ${id('by')} from ${table('set_aside')} order by job, number`,
      )
    ).map((row) => ({
      job: row['job'] as string,
      number: Number(row['number']),
      count: Number(row['count']),
      by: row['by'] as string | null,
    })),
    schedules: (
      await ask(
        `select ${id('id')}, name, ${ms('next')} as next, triggered from ${table('schedule')} order by 1`,
      )
    ).map((row) => ({
      id: row['id'] as string,
      name: row['name'] as string,
      next: row['next'] === null ? null : Math.round(Number(row['next'])),
      triggered: Number(row['triggered']),
    })),
    fires: (
      await ask(
        `select ${id('schedule')}, ${ms('due')} as due, state, ${id('job')}, ${ms('at')} as at, n
         from ${table('fire')} order by 1, 2`,
      )
    ).map((row) => ({
      schedule: row['schedule'] as string,
      due: Math.round(Number(row['due'])),
      state: fireStates[Number(row['state'])] ?? 'missed',
      job: row['job'] as string | null,
      at: Number(row['at']),
      n: Number(row['n']),
    })),
  }
}
