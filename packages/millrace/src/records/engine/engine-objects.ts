import { waitReasons } from '../../kernel/rules/decision.ts'
import { jobStatuses, type Substatus } from '../../kernel/rules/status.ts'
import { defineObject } from '../object/define-object.ts'
import { datetime, id, integer, picklist, reference, text } from '../object/field.ts'
import type { ObjectDefinition, ObjectSource } from '../object/object.ts'
import type { JobDialect } from './job-dialect.ts'
import { jobSource } from './job-source.ts'
import { postgresJobs } from './job-source-postgres.ts'
import { sqliteJobs } from './job-source-sqlite.ts'
import { CronJobDetail, cronJobDetailSource, CronTrigger, cronTriggerSource } from './schedule-objects.ts'

const readOnly = { readOnly: true } as const
const exact = { readOnly: true, caseSensitive: true } as const

const substatuses = Object.keys({
  ready: true,
  scheduled: true,
  retrying: true,
  snoozed: true,
  rateLimited: true,
  concurrencyLimited: true,
  outsideWindow: true,
  holding: true,
  paused: true,
  awaiting: true,
  unknownDefinition: true,
  finalizing: true,
  claimed: true,
  running: true,
  aborting: true,
  completed: true,
  completedWithErrors: true,
  skipped: true,
  failed: true,
  expired: true,
  lost: true,
  aborted: true,
  replaced: true,
} satisfies Record<Substatus, true>)

const AsyncApexJob = defineObject({
  name: 'AsyncApexJob',
  label: 'Job',
  readOnly: true,
  tenant: 'Tenant',
  createdAt: 'CreatedDate',
  fields: {
    Id: id(readOnly),
    ApexClassId: reference('ApexClass', { ...readOnly, required: true, children: 'AsyncApexJobs' }),
    JobType: picklist(['Queueable', 'BatchApex', 'BatchApexWorker'], {
      ...readOnly,
      required: true,
      restricted: false,
    }),
    Status: picklist(jobStatuses, { ...readOnly, required: true }),
    /** What it waits for, or how it ended. */
    Substatus: picklist(substatuses, { ...readOnly, required: true }),
    /** Of the first error of all attempts. */
    ExtendedStatus: text({ ...readOnly, length: 255 }),
    /** Chunks of a batch, as are the next two. */
    JobItemsProcessed: integer({ ...readOnly, required: true }),
    TotalJobItems: integer({ ...readOnly, required: true }),
    NumberOfErrors: integer({ ...readOnly, required: true }),
    MethodName: text(readOnly),
    LastProcessed: text(exact),
    LastProcessedOffset: integer(readOnly),
    ParentJobId: reference('AsyncApexJob', { ...readOnly, children: 'ChildJobs' }),
    /** Of a job that a schedule enqueued, as long as that is there. */
    CronTriggerId: reference('CronTrigger', { ...readOnly, children: 'AsyncApexJobs' }),
    /** `runAs` of the job. */
    CreatedById: text(exact),
    CreatedDate: datetime({ ...readOnly, required: true, storedAs: 'epochMs' }),
    CompletedDate: datetime({ ...readOnly, storedAs: 'epochMs' }),
    Tenant: text({ ...exact, required: true }),
    Queue: text({ ...exact, required: true }),
    Version: integer({ ...readOnly, required: true }),
    Priority: integer({ ...readOnly, required: true }),
    /** The newest one, from 1. */
    Attempt: integer({ ...readOnly, required: true }),
  },
})

const ApexClass = defineObject({
  name: 'ApexClass',
  label: 'Definition',
  readOnly: true,
  fields: { Id: id(readOnly), Name: text({ ...readOnly, required: true }) },
})

const FlexQueueItem = defineObject({
  name: 'FlexQueueItem',
  label: 'Flex queue item',
  readOnly: true,
  tenant: 'Tenant',
  fields: {
    /** That of its job. */
    Id: id(readOnly),
    AsyncApexJobId: reference('AsyncApexJob', { ...readOnly, required: true, children: 'FlexQueueItems' }),
    /** From 1, which starts next. */
    JobPosition: integer({ ...readOnly, required: true }),
    JobType: picklist(['BatchApex'], { ...readOnly, required: true, restricted: false }),
    Tenant: text({ ...exact, required: true }),
  },
})

/**
 * The engine's own records as read-only objects, as the standards document queries them (semantics 3.5): AsyncApexJob is every job there
 * is, of its tenant alone for whoever asks; ApexClass is every name that a job was ever enqueued under; FlexQueueItem is every batch that is
 * Holding, in its place; CronTrigger and CronJobDetail are the schedules (semantics SC-04 to SC-06). `schema`: where the engine's tables lie on
 * PostgreSQL.
 */
export function engineObjects(schema = 'millrace'): readonly ObjectDefinition[] {
  const postgres = postgresJobs(schema)
  const items = (
    waiting: string,
  ): string => `select w.job as "Id", w.job as "AsyncApexJobId", 'BatchApex' as "JobType",
    w.tenant as "Tenant", row_number() over (partition by w.gate order by w.rank, w.job) as "JobPosition"
    from ${waiting} w where w.reason = ${waitReasons.holding}`
  const classes = (lanes: string): string => `select name as "Id", name as "Name" from ${lanes} group by name`
  return [
    withSource(AsyncApexJob, {
      sqlite: (known) => jobSource(sqliteJobs, known),
      postgres: (known) => jobSource(postgres, known),
      // Ids are made at that very time and lead with it.
      orderedAs: { CreatedDate: 'Id' },
    }),
    withSource(FlexQueueItem, {
      sqlite: () => items(sqliteJobs.table('waiting')),
      postgres: () => items(postgres.table('waiting')),
      orderedAs: {},
    }),
    withSource(ApexClass, {
      sqlite: () => classes(sqliteJobs.table('lane')),
      postgres: () => classes(postgres.table('lane')),
      orderedAs: {},
    }),
    withSource(CronTrigger, bothWays(cronTriggerSource, postgres)),
    withSource(CronJobDetail, bothWays(cronJobDetailSource, postgres)),
  ]
}

function bothWays(source: (dialect: JobDialect) => string, postgres: JobDialect): ObjectSource {
  return { sqlite: () => source(sqliteJobs), postgres: () => source(postgres), orderedAs: {} }
}

function withSource(definition: ObjectDefinition, source: ObjectDefinition['source']): ObjectDefinition {
  return Object.freeze({ ...definition, source })
}
