import { scheduleStates } from '../../kernel/storage/schedules.ts'
import { defineObject } from '../object/define-object.ts'
import { datetime, id, integer, picklist, reference, text } from '../object/field.ts'
import type { JobDialect } from './job-dialect.ts'

const readOnly = { readOnly: true } as const
const exact = { readOnly: true, caseSensitive: true } as const
const instant = { readOnly: true, storedAs: 'epochMs' } as const

/** As Salesforce has them (semantics SC-05). A fire is one transaction here, so that ACQUIRED, EXECUTING and ERROR do not occur. */
const states = [
  ...['WAITING', 'ACQUIRED', 'EXECUTING', 'COMPLETE', 'ERROR', 'DELETED', 'PAUSED', 'BLOCKED'],
  'PAUSED_BLOCKED',
] as const

/** Every schedule that was not removed. */
export const CronTrigger = defineObject({
  name: 'CronTrigger',
  label: 'Schedule',
  readOnly: true,
  tenant: 'Tenant',
  createdAt: 'CreatedDate',
  fields: {
    Id: id(readOnly),
    CronJobDetailId: reference('CronJobDetail', { ...readOnly, required: true, children: 'CronTriggers' }),
    /** null: it fires at a distance, or once. */
    CronExpression: text(readOnly),
    TimeZoneSidKey: text({ ...readOnly, required: true }),
    StartTime: datetime(instant),
    EndTime: datetime(instant),
    /** null unless its state is WAITING or BLOCKED. */
    NextFireTime: datetime(instant),
    PreviousFireTime: datetime(instant),
    TimesTriggered: integer({ ...readOnly, required: true }),
    State: picklist(states, { ...readOnly, required: true }),
    /** Who made it, where that was said. */
    OwnerId: text(exact),
    CreatedDate: datetime({ ...instant, required: true }),
    LastModifiedDate: datetime({ ...instant, required: true }),
    Tenant: text({ ...exact, required: true }),
  },
})

/** Name and kind of a schedule; its id is that of the schedule. */
export const CronJobDetail = defineObject({
  name: 'CronJobDetail',
  label: 'Scheduled Job',
  readOnly: true,
  tenant: 'Tenant',
  fields: {
    Id: id(readOnly),
    Name: text({ ...readOnly, required: true }),
    /** 9: it runs a batch; 7: any other tool (semantics SC-06). */
    JobType: picklist(['7', '9'], { ...readOnly, required: true }),
    Tenant: text({ ...exact, required: true }),
  },
})

const { waiting, paused, complete, deleted } = scheduleStates

export function cronTriggerSource(dialect: JobDialect): string {
  const at = (column: string): string => dialect.instant(column)
  return `select s.id as "Id", s.id as "CronJobDetailId", s.cron as "CronExpression", s.zone as "TimeZoneSidKey",
      ${at('s.starts')} as "StartTime", ${at('s.ends')} as "EndTime",
      case when s.state = ${waiting} then ${at('s.next')} end as "NextFireTime", ${at('s.previous')} as "PreviousFireTime",
      s.triggered as "TimesTriggered",
      case when s.state = ${paused} then case when s.queued > 0 then 'PAUSED_BLOCKED' else 'PAUSED' end
        when s.queued > 0 then 'BLOCKED' when s.state = ${complete} then 'COMPLETE' else 'WAITING' end as "State",
      s.author as "OwnerId", ${at('s.created')} as "CreatedDate", ${at('s.changed')} as "LastModifiedDate", s.tenant as "Tenant"
    from ${dialect.table('schedule')} s where s.state <> ${deleted}`
}

export function cronJobDetailSource({ table }: JobDialect): string {
  return `select s.id as "Id", s.name as "Name", case when s.tool = 'batch' then '9' else '7' end as "JobType", s.tenant as "Tenant"
    from ${table('schedule')} s where s.state <> ${deleted}`
}
