import { describe, expect, test } from 'vitest'
import {
  defineBatch,
  defineQueueable,
  defineSchedule,
  type Mill,
  type ScheduleView,
} from '../../packages/millrace/src/index.ts'
import { Bench, fresh, places } from '../engine/support/bench.ts'

const work = defineQueueable({ name: 'work', execute: () => undefined })
const batch = defineBatch({ name: 'many', start: () => [{ n: 1 }], execute: () => undefined })

function stateOf({ state, queued }: ScheduleView): string {
  if (state === 'paused') return queued > 0 ? 'PAUSED_BLOCKED' : 'PAUSED'
  if (queued > 0) return 'BLOCKED'
  return state === 'complete' ? 'COMPLETE' : 'WAITING'
}

const told = (one: ScheduleView) => ({
  Id: one.id,
  CronJobDetailId: one.id,
  CronJobDetail: { Name: one.name, JobType: one.runs.tool === 'batch' ? '9' : '7' },
  CronExpression: one.cron,
  TimeZoneSidKey: one.timeZone,
  StartTime: one.start,
  EndTime: one.end,
  NextFireTime: one.nextFire,
  PreviousFireTime: one.previousFire,
  TimesTriggered: one.timesTriggered,
  State: stateOf(one),
  OwnerId: one.author,
  CreatedDate: one.createdAt,
  LastModifiedDate: one.changedAt,
  Tenant: one.tenant,
})
const select = `SELECT Id, CronJobDetailId, CronJobDetail.Name, CronJobDetail.JobType, CronExpression, TimeZoneSidKey, StartTime, EndTime,
  NextFireTime, PreviousFireTime, TimesTriggered, State, OwnerId, CreatedDate, LastModifiedDate, Tenant FROM CronTrigger`

describe.each(await places())('schedules as objects on $kind', (place) => {
  const bench = new Bench(place)

  /** A schedule for every way to stand there, of one tenant; and another tenant's. */
  async function zoo(): Promise<{ mill: Mill; tenant: string }> {
    const mill = await bench.mill({ definitions: [work, batch] })
    const tenant = fresh('tenant')
    const { schedules } = mill
    const cron = '0 0 2 ? * MON-FRI'
    await schedules.create({
      ...{ name: 'nightly', runs: work, cron, tenant, by: 'ann', timeZone: 'Europe/Berlin' },
      ...{ start: '2020-01-01T00:00:00.123Z', end: '2090-01-01T00:00:00Z' },
    })
    await schedules.create({ name: 'every', runs: batch, every: '1 hour', tenant })
    const over = defineSchedule({ name: 'over', runs: work, cron, tenant, end: '2020-01-01T00:00:00Z' })
    await (await bench.working({ definitions: [work, over] })).stop()
    for (const name of ['queued', 'held']) {
      await schedules.create({ name, runs: work, cron, tenant, overlap: 'queue' })
      for (const state of ['fired', 'queued'])
        expect(await schedules.run(name, { tenant })).toMatchObject({ state })
    }
    await schedules.create({ name: 'paused', runs: batch, cron, tenant })
    await schedules.pause(['held', 'paused'], { tenant })
    await schedules.create({ name: 'gone', runs: work, cron, tenant })
    await schedules.remove('gone', { tenant })
    await schedules.create({ name: 'nightly', runs: work, cron, tenant: fresh('other') })
    return { mill, tenant }
  }

  test('SC-04 to SC-06: every schedule is as schedules.get has it, and nobody else’s is there', async () => {
    const { mill, tenant } = await zoo()
    const views = await mill.schedules.list({ tenant })
    const records = mill.records.as({ tenant })
    expect(await records.queryText(`${select} ORDER BY CronJobDetail.Name`)).toEqual(views.map(told))
    expect(views.map((one) => `${one.name} ${stateOf(one)}`)).toEqual([
      ...['every WAITING', 'held PAUSED_BLOCKED', 'nightly WAITING', 'over COMPLETE', 'paused PAUSED'],
      'queued BLOCKED',
    ])
    expect(await records.queryText("SELECT COUNT() FROM CronTrigger WHERE State = 'waiting'").count()).toBe(2)
    const fields = await records.queryText('SELECT FIELDS(ALL) FROM CronTrigger LIMIT 1')
    expect(Object.keys(fields[0] ?? {}).sort()).toEqual(
      Object.keys(told(views[0]!))
        .filter((name) => name !== 'CronJobDetail')
        .sort(),
    )
  })

  test('as the standards document asks: what fires next, by name; the jobs of a schedule', async () => {
    const { mill, tenant } = await zoo()
    const records = mill.records.as({ tenant })
    const next = await records.queryText<{ CronJobDetail: { Name: string } }>(
      "SELECT CronJobDetail.Name FROM CronTrigger WHERE CronJobDetail.JobType = '7' AND NextFireTime != null ORDER BY NextFireTime, CronJobDetail.Name",
    )
    expect(next.map((one) => one.CronJobDetail.Name)).toEqual(['nightly', 'queued'])
    const { id } = await mill.schedules.get('queued', { tenant })
    const [fire] = (await mill.schedules.fires('queued', { tenant })).filter(({ jobId }) => jobId !== null)
    expect(
      await records.queryText(
        `SELECT Id, CronTriggerId, CronTrigger.CronJobDetail.Name FROM AsyncApexJob WHERE CronTriggerId = '${id}'`,
      ),
    ).toEqual([{ Id: fire?.jobId, CronTriggerId: id, CronTrigger: { CronJobDetail: { Name: 'queued' } } }])
    await mill.enqueue(work, null, { tenant })
    expect(
      await records.queryText('SELECT COUNT() FROM AsyncApexJob WHERE CronTriggerId = null').count(),
    ).toBe(1)
    const details = await records.queryText(
      "SELECT Name, (SELECT State FROM CronTriggers) FROM CronJobDetail WHERE Name LIKE 'PAUS%'",
    )
    expect(details).toEqual([{ Name: 'paused', CronTriggers: [{ State: 'PAUSED' }] }])
  })
})
