import { MillraceError } from '../kernel/rules/errors.ts'
import type { Storage } from '../kernel/storage/storage.ts'
import type { RecordsInstallation } from '../records/installation.ts'
import { noticeName } from '../records/trigger/database-triggers.ts'
import { tellNotice } from '../records/trigger/notice.ts'
import { defineQueueable, type QueueableDefinition } from '../tools/queueable/define.ts'
import { placeHere } from './records.ts'
import type { LoadedDefinitions } from './definitions.ts'

/** Jobs that generated triggers of the database queue: on PostgreSQL, for who has triggers. */
export function recordChanges(
  kind: Storage['kind'],
  { triggers }: Pick<LoadedDefinitions, 'triggers'>,
  records: () => RecordsInstallation,
): readonly QueueableDefinition[] {
  if (kind === 'sqlite' || triggers.length === 0) return []
  const execute = async (notice: unknown): Promise<void> =>
    placeHere(records())
      ?.session({})
      .writing((env) => tellNotice(env, notice))
  return [defineQueueable({ name: noticeName, execute })]
}

/** Throws MILL_DEFINITION_DUPLICATE when somebody has taken the name. */
export function keepNoticeName({ tools }: Pick<LoadedDefinitions, 'tools'>): void {
  if (!tools.some(({ name }) => name === noticeName)) return
  throw new MillraceError(
    'MILL_DEFINITION_DUPLICATE',
    `a definition is named ${noticeName}, which is that of Millrace's own for changes told by the database; give it another name`,
  )
}
