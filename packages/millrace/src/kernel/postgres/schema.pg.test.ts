import { describe, expect, test } from 'vitest'
import { isJobId, idTime } from '../rules/ids.ts'
import { expectError } from '../storage/conformance/fixtures.ts'
import { hasPostgres, PostgresBench, thrownBy } from './conformance/opened.ts'

describe.skipIf(!hasPostgres)('the schema on PostgreSQL', () => {
  const bench = new PostgresBench()

  test('is made once by many processes that start together, also in a schema of its own', async () => {
    const storages = await Promise.all(Array.from({ length: 6 }, () => bench.open({ schema: 'Crowd_1' })))
    const applied = await Promise.all(storages.map((storage) => storage.schema.migrate()))
    expect(applied.flat()).toEqual([1, 2, 3, 4, 5, 6, 7])
    await Promise.all(storages.map((storage) => storage.schema.check()))
    const [lane] = await storages[0]!.lanes.intern([
      { tenant: 't', queue: 'q', name: 'n', version: 1, gated: false },
    ])
    expect(await storages[1]!.lanes.find({ tenant: 't' })).toEqual([lane])
    expect(await bench.storage.lanes.find({ tenant: 't' })).toEqual([])
    expect(await bench.sql(`select "Crowd_1".enqueue('n', '1'::json, 't', 'q') as id`)).toHaveLength(1)
    expect(await storages[0]!.lanes.heads()).toMatchObject([{ lane: lane!.id }])
  })

  test('leaves nothing when it fails half-way', async () => {
    await bench.sql('create schema half; create table half.waiting (id int)')
    const storage = await bench.open({ schema: 'half' })
    await expectError(storage.schema.migrate(), 'MILL_STORAGE_QUERY')
    await expectError(storage.schema.check(), 'MILL_SCHEMA_MISSING')
    await bench.sql('drop table half.waiting')
    expect(await storage.schema.migrate()).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  test('refuses a release that is too old', async () => {
    await bench.storage.controls.setSetting('oldest_release', '0.2.0')
    await expectError(bench.storage.schema.check(), 'MILL_RELEASE_TOO_OLD')
    await bench.storage.controls.setSetting('oldest_release', '0.1.0')
    await bench.storage.schema.check()
    await bench.sql("insert into millrace.migration (number, release) values (9999, '9.0.0')")
    await bench.storage.schema.check()
    expect(await bench.storage.schema.migrate()).toEqual([])
    await bench.sql('delete from millrace.migration where number = 9999')
  })

  test('vacuums what is hot at once', async () => {
    const rows = await bench.sql(
      `select relname from pg_class c join pg_namespace n on n.oid = relnamespace
       where nspname = 'millrace' and reloptions @> '{autovacuum_vacuum_scale_factor=0.01,autovacuum_vacuum_cost_delay=0}'
       order by 1`,
    )
    expect(rows.map((row) => row['relname'])).toEqual([
      'lease',
      'limit_key',
      'permit',
      'ready',
      'state',
      'waiting',
      'worker',
    ])
  })

  describe('its function for other languages', () => {
    const enqueue = async (args: string): Promise<string> =>
      String((await bench.sql(`select millrace.enqueue(${args}) as id`))[0]?.['id'])

    test('enqueues with defaults, and workers find the job', async () => {
      const before = Date.now() - 1_000
      const id = await enqueue(`'from-sql', '{"to": "ü"}'`)
      expect(isJobId(id)).toBe(true)
      expect(idTime(id)).toBeGreaterThan(before)
      const record = await bench.record(id)
      expect(record).toMatchObject({
        lane: { tenant: 'default', queue: 'default', name: 'from-sql', version: 1, gated: false },
        prio: 5,
        payload: '{"to": "ü"}',
        options: null,
        parent: null,
      })
      const { members } = await bench.take(await bench.worker(), record.lane)
      expect(members).toMatchObject([{ job: id, payload: '{"to": "ü"}', options: null, attempt: 1 }])
    })

    test('takes tenant, queue, priority, delay and version, and shares lanes with the rest', async () => {
      const lane = await bench.lane({ queue: 'mail', name: 'other', version: 3 })
      const id = await enqueue(
        `name => 'other', payload => '1', tenant => '${lane.tenant}', queue => 'mail', priority => 0, version => 3,
         delay => interval '1 hour'`,
      )
      const record = await bench.record(id)
      expect(record).toMatchObject({ lane, prio: 0 })
      expect(await bench.place(id)).toBe('waiting')
      expect(record.facts.waiting!.dueAt! - record.createdAt).toBeGreaterThan(3_599_000)
    })

    test('joins the transaction of the caller, also in a trigger', async () => {
      await bench.sql(`
        create table customer (id int primary key);
        create function greet() returns trigger language plpgsql as $$
        begin
          perform millrace.enqueue('greet', json_build_object('id', new.id), tenant => 'trigger');
          return new;
        end $$;
        create trigger greet after insert on customer for each row execute function greet();`)
      const client = await bench.client()
      await client.query('begin')
      await client.query('insert into customer values (1), (2)')
      expect(await bench.storage.history.counts({ tenant: 'trigger' })).toMatchObject({ Queued: 0 })
      await client.query('rollback')
      expect(await bench.storage.history.counts({ tenant: 'trigger' })).toMatchObject({ Queued: 0 })
      await client.query('insert into customer values (1), (2)')
      expect(await bench.storage.history.counts({ tenant: 'trigger' })).toMatchObject({ Queued: 2 })
    })

    test('makes ids that differ', async () => {
      const rows = await bench.sql(`select millrace.enqueue('many', '0') as id from generate_series(1, 1000)`)
      expect(new Set(rows.map((row) => row['id'])).size).toBe(1_000)
      expect(rows.every((row) => isJobId(row['id']))).toBe(true)
    })

    test.for([
      [`'1bad', '1'`, 'MILL_NAME_INVALID'],
      [`null, '1'`, 'MILL_NAME_INVALID'],
      [`repeat('a', 81), '1'`, 'MILL_NAME_INVALID'],
      [`'ok', null`, 'MILL_INPUT_INVALID'],
      [`'ok', '1', ''`, 'MILL_NAME_INVALID'],
      [`'ok', '1', 'a b'`, 'MILL_NAME_INVALID'],
      [`'ok', '1', 'a', 'q?'`, 'MILL_NAME_INVALID'],
      [`'ok', '1', 'a', null`, 'MILL_NAME_INVALID'],
      [`'ok', '1', priority => 10`, 'MILL_PRIORITY_INVALID'],
      [`'ok', '1', priority => null`, 'MILL_PRIORITY_INVALID'],
      [`'ok', '1', version => 0`, 'MILL_OPTIONS_INVALID'],
      [`'ok', '1', delay => interval '-1 s'`, 'MILL_DURATION_INVALID'],
      [`'ok', '1', delay => interval '101 years'`, 'MILL_DURATION_INVALID'],
      [`'ok', to_json(repeat('x', 1100000))`, 'MILL_PAYLOAD_TOO_LARGE'],
      [`'ok', '{bad'`, 'invalid input syntax for type json'],
      [`'ok', '"\\u0000"'`, 'MILL_TEXT_UNSTORABLE'],
      [`'ok', '{"a": "\\ud800"}'`, 'MILL_TEXT_UNSTORABLE'],
    ])('refuses %s', async ([args, message]) => {
      expect(String(await thrownBy(enqueue(args!)))).toContain(message)
    })

    test.for([`'"\\\\u0000"'`, `'"\\ud83d\\ude00"'`])('takes %s', async (payload) => {
      expect(isJobId(await enqueue(`'ok', ${payload}`))).toBe(true)
    })
  })
})
