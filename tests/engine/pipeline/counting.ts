import { cursorStep, definePipeline, step } from '../../../packages/millrace/src/index.ts'
import { numbersOf, type Item } from '../batch/items.ts'
import { note } from '../support/bench.ts'

/** Executions of a counting pipeline over 500 records: begin, open, five pages, finalize, three runs, the end. */
export const executions = 12

/** Each of the records is incremented once, each step notes that it ran, and the last one what the state says. */
export const countingPipeline = (name: string) =>
  definePipeline({ name, state: { seen: 0, sum: 0, runs: 0 } }, [
    step({ name: 'begin', execute: (_: null, ctx) => note(ctx, 'begin') }),
    cursorStep({
      name: 'apply',
      size: 100,
      open: (_, ctx) => ctx.soql<Item>`SELECT Id, Bad FROM Item`,
      async onPage(items, ctx) {
        ctx.state.seen += items.length
        ctx.state.sum += numbersOf(items).reduce((sum, id) => sum + id, 0)
        await ctx.sql`update item set n = n + 1 where id in ${numbersOf(items)}`
      },
      finalize: (_, ctx) => note(ctx, 'applied'),
    }),
    step({
      name: 'again',
      execute(_, ctx) {
        ctx.state.runs += 1
      },
      shouldRestart: (_, ctx) => ctx.state.runs < 3,
    }),
    step({
      name: 'end',
      execute: (_, ctx) => note(ctx, `seen ${ctx.state.seen}, sum ${ctx.state.sum}, runs ${ctx.state.runs}`),
    }),
  ])

export const noted = ['begin', 'applied', 'seen 500, sum 125250, runs 3']
