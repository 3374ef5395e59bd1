import {
  defineBatch,
  defineObject,
  integer,
  integerId,
  type BatchContext,
  type Definition,
  type RecordOf,
} from '../../packages/millrace/src/index.ts'
import type { Tally } from './ledger.ts'
import { workOf } from './rich-value.ts'
import type { Runs } from './runs.ts'
import { maxAttempts, type BatchKind, type Work } from './work.ts'

/** What batches work on: `n` counts how often each was applied, by the run `token` at last. A chunk with a bad one fails. */
export const Item = defineObject({
  name: 'Item',
  table: 'item',
  fields: { Id: integerId({ column: 'id' }), Bad: integer({ column: 'bad', required: true }) },
})
type Item = RecordOf<typeof Item>

type Context = BatchContext<Tally, Work>

const nothing: Tally = { count: 0, sum: 0 }

/** The batches of the workload, which write the ledger; over the public face only. */
export function batchDefinitions(
  runs: Runs,
  scope: number,
  pause: (work: Work, ctx: Context) => Promise<void>,
): Readonly<Record<BatchKind, Definition<Work>>> {
  const begin = (ctx: Context, phase: 'start' | 'execute' | 'finish'): string =>
    runs.begin(ctx, { ...workOf(ctx.input), seq: ctx.chunk, phase })
  const common = {
    scope,
    state: nothing,
    retry: { attempts: maxAttempts, initial: '20ms', max: '40ms' },
    finish: async (work: Work, ctx: Context): Promise<Tally> => {
      const token = begin(ctx, 'finish')
      let how: 'returned' | 'threw' = 'threw'
      try {
        const { count, sum } = ctx.state
        await effect(ctx, token)
        await ctx.sql`insert into total (job, token, count, sum) values (${ctx.jobId}, ${token}, ${count}, ${sum})`
        how = 'returned'
        return ctx.state
      } finally {
        runs.end(token, how)
      }
    },
  } as const
  /** One chunk: the ids of the records are in a list, or between two bounds. */
  const execute = async (scoped: readonly Pick<Item, 'Id'>[], ctx: Context): Promise<void> => {
    const token = begin(ctx, 'execute')
    let how: 'returned' | 'threw' = 'threw'
    try {
      const found = await tallyOf(scoped, ctx)
      runs.ledger.write({ kind: 'chunk', token, ...found })
      await pause(ctx.input, ctx)
      await increment(scoped, ctx, token)
      await effect(ctx, token)
      if (found.bad > 0) throw new Error(`a chunk with ${found.bad} bad records`)
      ctx.state = { count: ctx.state.count + found.count, sum: ctx.state.sum + found.sum }
      how = 'returned'
    } finally {
      runs.end(token, how)
    }
  }
  const query = (work: Work, ctx: Context) => {
    runs.end(begin(ctx, 'start'), 'returned')
    const { after, upTo } = itemsOf(work)
    return ctx.soql<Item>`SELECT Id, Bad FROM Item WHERE Id > ${after} AND Id <= ${upTo}`
  }
  return {
    keys: defineBatch({ name: 'keys', bisect: true, start: query, execute, ...common }),
    range: defineBatch({ name: 'range', bisect: true, by: 'range', start: query, execute, ...common }),
    snapshot: defineBatch({
      ...{ name: 'snapshot', bisect: true, snapshot: true, start: query, execute },
      ...common,
    }),
    rows: defineBatch({
      name: 'rows',
      start: (work: Work, ctx: Context) => rowsOf(work, () => runs.end(begin(ctx, 'start'), 'returned')),
      execute,
      ...common,
    }),
  }
}

async function* rowsOf(work: Work, begins: () => void): AsyncGenerator<{ Id: number }> {
  begins()
  const { after, upTo } = itemsOf(work)
  for (let id = after + 1; id <= upTo; id += 1) yield { Id: id }
}

function itemsOf({ items, ref }: Work): NonNullable<Work['items']> {
  if (items === undefined) throw new Error(`batch ${ref} has no items`)
  return items
}

/** Of a range: it begins where the records of the batch begin, also before the first of them. */
function boundsOf({ range, input }: Context): NonNullable<Work['items']> | null {
  if (range === null) return null
  return { after: Number(range.after ?? itemsOf(input).after), upTo: Number(range.upTo) }
}

async function tallyOf(
  scoped: readonly Pick<Item, 'Id'>[],
  ctx: Context,
): Promise<Tally & { readonly bad: number }> {
  const bounds = boundsOf(ctx)
  const [row] =
    bounds === null
      ? await ctx.sql`select count(*) as count, sum(id) as sum, sum(bad) as bad from item where id in ${idsOf(scoped)}`
      : await ctx.sql`select count(*) as count, sum(id) as sum, sum(bad) as bad from item
          where id > ${bounds.after} and id <= ${bounds.upTo}`
  return { count: Number(row?.['count']), sum: Number(row?.['sum']), bad: Number(row?.['bad']) }
}

async function increment(scoped: readonly Pick<Item, 'Id'>[], ctx: Context, token: string): Promise<void> {
  const bounds = boundsOf(ctx)
  if (bounds === null) await ctx.sql`update item set n = n + 1, token = ${token} where id in ${idsOf(scoped)}`
  else
    await ctx.sql`update item set n = n + 1, token = ${token} where id > ${bounds.after} and id <= ${bounds.upTo}`
}

function idsOf(scoped: readonly Pick<Item, 'Id'>[]): number[] {
  return scoped.map(({ Id }) => Id)
}

async function effect(ctx: Context, token: string): Promise<void> {
  await ctx.sql`insert into effect (job, seq, attempt, token) values (${ctx.jobId}, ${ctx.chunk}, ${ctx.attempt}, ${token})`
}
