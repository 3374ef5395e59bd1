import { checkPageSize } from '../../records/page/plan.ts'
import {
  checkFunction,
  checkStep,
  frozen,
  type CommonStepOptions,
  type CursorSource,
  type PipelineContext,
  type Step,
} from './step.ts'

export interface CursorStepOptions<Input, State, Rec extends object> extends CommonStepOptions<Input, State> {
  /**
   * The query whose records are worked through. Their ids are fixed now; values are those of the moment of each page (semantics C-02). It must be
   * returned as it is, not from an async function, which would run it: there return `{ query }`.
   */
  readonly open: (
    input: Input,
    ctx: PipelineContext<State, Input>,
  ) => CursorSource<Rec> | Promise<{ readonly query: RecordQueryOf<Rec> }>
  /**
   * For each page, one after the other, each in an execution and a transaction of its own, with which its position commits. Records that were
   * deleted since are missing; a page of which none is left, and a cursor without records, call nothing.
   */
  readonly onPage: (records: Rec[], ctx: PipelineContext<State, Input>) => void | Promise<void>
  /** Records of a page, 1 to 10,000; the last one may be shorter. @default 2,000 (semantics C-04) */
  readonly size?: number
}

type RecordQueryOf<Rec extends object> = Extract<CursorSource<Rec>, { readonly query: unknown }>['query']

/** Work over many records, page by page (semantics ST-10, ST-21). Throws MILL_PIPELINE_STEP_INVALID and what bad options deserve. */
export function cursorStep<Input, State, Rec extends object>(
  options: CursorStepOptions<Input, State, Rec>,
): Step<Input, State> {
  const { open, onPage, size = 2_000, ...common } = options
  const where = checkStep(options, ['open', 'onPage', 'size'], 'cursorStep')
  checkFunction(open, `open of ${where}`)
  checkFunction(onPage, `onPage of ${where}`)
  checkPageSize(size, `size of ${where}`)
  return frozen(common, { kind: 'cursor', open, onPage, size })
}
