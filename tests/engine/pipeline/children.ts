import {
  batchStep,
  defineBatch,
  definePipeline,
  defineQueueable,
  queueableStep,
} from '../../../packages/millrace/src/index.ts'
import { note } from '../support/bench.ts'

/** Runs a queueable and then a batch; all note in the name of the parent what they do. */
export function runningPipeline(name: string) {
  const doubled = defineQueueable({
    name: `${name}-one`,
    async execute({ n, parent }: { n: number; parent: string }, ctx) {
      await ctx.sql`insert into effects (job, note) values (${parent}, ${`doubles ${n}`})`
      return n * 2
    },
  })
  const many = defineBatch({
    name: `${name}-many`,
    scope: 2,
    state: { sum: 0 },
    start: ({ to }: { to: number; parent: string }) =>
      Array.from({ length: to }, (_, index) => ({ n: index + 1 })),
    execute(numbers, ctx) {
      ctx.state.sum += numbers.reduce((sum, { n }) => sum + n, 0)
    },
    async finish({ parent }, ctx) {
      await ctx.sql`insert into effects (job, note) values (${parent}, ${`sums ${ctx.state.sum}`})`
      return ctx.state.sum
    },
  })
  const pipeline = definePipeline({ name, state: { n: 3 } }, [
    queueableStep({
      name: 'double',
      run: doubled,
      input: (_: null, ctx) => ({ n: ctx.state.n, parent: ctx.jobId }),
      async apply(n, ctx) {
        ctx.state.n = n
        await note(ctx, `got ${n}`)
      },
    }),
    batchStep({
      name: 'sum',
      run: many,
      input: (_: null, ctx) => ({ to: ctx.state.n, parent: ctx.jobId }),
      apply: (sum, ctx) => void (ctx.state.n = sum),
      finalize: (_, ctx) => note(ctx, `end ${ctx.state.n}`),
    }),
  ])
  return { pipeline, definitions: [pipeline, doubled, many] }
}
