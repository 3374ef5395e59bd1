import { approvalStep, definePipeline, signalStep } from '../../../packages/millrace/src/index.ts'
import { note } from '../support/bench.ts'

/** Notes whatever it does while it waits for an approval, and then for a signal. */
export const answeredPipeline = (name: string) =>
  definePipeline({ name, state: { by: '', n: 0 } }, [
    approvalStep({
      name: 'release',
      notify: (token, ctx) => note(ctx, `token ${token}`),
      async apply({ approved, by }, ctx) {
        ctx.state.by = by ?? ''
        await note(ctx, approved ? 'approved' : 'rejected')
      },
      finalize: (_, ctx) => note(ctx, 'finalized'),
    }),
    signalStep({
      name: 'landed',
      async apply(data, ctx) {
        ctx.state.n += Number(data)
        await note(ctx, `signal ${String(data)}`)
      },
    }),
  ])
