import { defineBatch } from '../../../packages/millrace/src/index.ts'
import { numbersOf, type Item } from './items.ts'

/** Of 500 records in five chunks: each is incremented, the state counts them, and the finish notes what the state says. */
export const countingBatch = (name: string) =>
  defineBatch({
    name,
    scope: 100,
    state: { seen: 0, sum: 0 },
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
