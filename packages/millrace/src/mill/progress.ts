import { phases } from '../kernel/rules/state.ts'
import type { StateView } from '../kernel/storage/states.ts'

/** How far a batch is, in records; or a pipeline, in steps and in records of the cursor that it is at. */
export interface Progress {
  readonly phase: 'chunks' | 'finish' | 'steps'
  /** Counted when it started: records that came or went since are not in it. null: not known. */
  readonly total: number | null
  /** Applied, for good. */
  readonly processed: number
  /** Set aside since it began, also where they were done since. */
  readonly failed: number
  /** Still set aside: 0 once each was tried again with success, which closes the case. */
  readonly setAside: number
  /** Chunks that were applied, those of the start's count in all, and those that were set aside. Of a pipeline: steps that are through, and in all. */
  readonly chunks: number
  readonly totalChunks: number | null
  readonly errors: number
  /** Records of a chunk from now on: with `scope: 'auto'` what the batch has chosen. */
  readonly scope: number | null
  /** Records a second, over all the time since its start. 0 before the first chunk. */
  readonly perSecond: number
  /** From the pace of its chunks so far: one standard deviation to either side of the mean. null before there are two chunks. */
  readonly timeLeft: { readonly fromMs: number; readonly toMs: number } | null
  readonly startedAt: Date
  readonly updatedAt: Date
}

export function progressOf(state: StateView): Progress {
  const { total, processed, failed, setAside, chunks, totalChunks, errors, scope, begunAt, updatedAt } = state
  const seconds = (updatedAt - begunAt) / 1_000
  return {
    phase: state.phase === phases.steps ? 'steps' : state.phase === phases.finish ? 'finish' : 'chunks',
    ...{ total, processed, failed, setAside, chunks, totalChunks, errors, scope },
    perSecond: seconds > 0 ? processed / seconds : 0,
    timeLeft: timeLeft(state),
    startedAt: new Date(begunAt),
    updatedAt: new Date(updatedAt),
  }
}

function timeLeft({ phase, total, processed, failed, pace, spread }: StateView): Progress['timeLeft'] {
  if (phase === phases.finish) return { fromMs: 0, toMs: 0 }
  if (total === null || pace === null || spread === null) return null
  const left = Math.max(0, total - processed - failed)
  return {
    fromMs: Math.round(left * Math.max(0, pace - spread)),
    toMs: Math.round(left * (pace + spread)),
  }
}
