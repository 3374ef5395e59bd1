import { defineBatch } from '../../../packages/millrace/src/index.ts'
import { numbersOf, type Item } from './items.ts'

interface Sums {
  seen: number
  sum: number
}

const none: Sums = { seen: 0, sum: 0 }
const merge = (total: Sums, part: Sums): Sums => ({
  seen: total.seen + part.seen,
  sum: total.sum + part.sum,
})

/** Of 500 records in five chunks: each is incremented, the state counts them, and the finish notes what the state says. */
export const countingBatch = (name: string, concurrency = 1) =>
  defineBatch({
    name,
    concurrency,
    scope: 100,
    state: none,
    ...(concurrency === 1 ? {} : { merge }),
    start: (_: null, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
    async execute(scope, ctx) {
      ctx.state.seen += scope.length
      ctx.state.sum += numbersOf(scope).reduce((sum, id) => sum + id, 0)
      await ctx.sql`update item set n = n + 1 where id in ${numbersOf(scope)}`
    },
    async finish(_, ctx) {
      const { seen, sum } = ctx.state
      await ctx.sql`insert into effects (job, note) values (${ctx.jobId}, ${`seen ${seen}, sum ${sum}`})`
    },
  })
