import type { JobStatus, JobView } from '../index.ts'
import { paint } from './text.ts'

/** The status, and the substatus where it says more. */
export function statusText({ status, substatus }: Pick<JobView, 'status' | 'substatus'>): string {
  const plain = ['ready', 'running', 'completed', 'failed', 'aborted']
  return plain.includes(substatus) ? status : `${status} (${substatus})`
}

const styles = {
  Holding: 'yellow',
  Queued: 'yellow',
  Preparing: 'cyan',
  Processing: 'cyan',
  Completed: 'green',
  Failed: 'red',
  Aborted: 'magenta',
} as const satisfies Record<JobStatus, string>

export function paintStatus(status: JobStatus, text: string): string {
  return paint(styles[status], text)
}
