import type { JobView } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { look } from '../session.ts'
import { paintStatus, statusText } from '../status.ts'
import { printTable } from '../table.ts'
import { print, shortTime } from '../text.ts'
import { UsageError } from '../usage-error.ts'

export async function listFlexQueue(
  options: GlobalOptions & { readonly tenant?: string | undefined },
): Promise<void> {
  const { tenant, json } = options
  const queue = await look(options, (mill) => mill.flexQueue.list(tenant === undefined ? {} : { tenant }))
  if (json) {
    printJson(queue)
    return
  }
  const { active, holding } = queue
  const of = (most: number | null): string => (most === null ? '' : ` of ${most}`)
  print(`${active.length}${of(queue.slots)} under way, ${holding.length}${of(queue.most)} Holding`)
  if (active.length + holding.length === 0) return
  const position = new Map(holding.map(({ id }, at) => [id, String(at + 1)]))
  printTable<JobView>(
    [
      { title: 'NEXT', value: ({ id }) => position.get(id) ?? '', right: true },
      { title: 'ID', value: ({ id }) => id },
      { title: 'NAME', value: ({ name }) => name },
      { title: 'STATUS', value: statusText, paint: (cell, { status }) => paintStatus(status, cell) },
      { title: 'ENQUEUED', value: ({ createdAt }) => shortTime(createdAt) },
    ],
    [...active, ...holding],
  )
}

interface MoveOptions extends GlobalOptions {
  readonly front?: true | undefined
  readonly end?: true | undefined
  readonly before?: string | undefined
  readonly after?: string | undefined
}

export async function moveInFlexQueue(id: string, options: MoveOptions): Promise<void> {
  const { front, end, before, after, json } = options
  if ([front, end, before, after].filter((place) => place !== undefined).length !== 1)
    throw new UsageError('say where to: --front, --end, --before <id> or --after <id>')
  const moved = await look(options, ({ flexQueue }) => {
    if (before !== undefined) return flexQueue.moveBefore(id, before)
    if (after !== undefined) return flexQueue.moveAfter(id, after)
    return front === true ? flexQueue.moveToFront(id) : flexQueue.moveToEnd(id)
  })
  if (json) printJson({ id, moved })
  else print(moved ? `${id} was moved` : `${id} stands there already`)
}
