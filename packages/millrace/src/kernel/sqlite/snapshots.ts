import { MillraceError } from '../rules/errors.ts'
import { renderSql } from '../rules/sql-template.ts'
import {
  idsPerBlock,
  type NewSnapshot,
  type Snapshot,
  type SnapshotAccess,
  type SnapshotIds,
  type Snapshots,
  type SnapshotUsage,
} from '../storage/snapshots.ts'
import type { Connection } from './connection.ts'
import type { Database, Writing } from './database.ts'
import { translated } from './errors.ts'
import { packIds, unpackIds, type PackedIds } from './packed-ids.ts'

const dayMs = 86_400_000
/** A process that dies while it fills one leaves it for the pruner after this long without a portion. */
const fillingMs = 600_000
/** Written in one transaction: the writer is held for some 10 ms, and as long passes in reading them. */
const blocksAtOnce = 20

const [filling, open, dropped] = [0, 1, 2]

interface Block {
  readonly packed: PackedIds
  readonly ids: number
}

/** Blocks of `idsPerBlock` ids each, in order, at most one more id than `most`. Throws what `checkTime` throws. */
function* blocksOf(
  connection: Connection,
  { statement, maxRows }: NewSnapshot,
  checkTime: () => void = () => undefined,
): Generator<Block, void, undefined> {
  const { text, values } = renderSql(statement.segments, statement.params, 'sqlite', 'The statement')
  const read = connection.db.prepare(`select id from (${text}) limit ${maxRows + 1}`, { returnArrays: true })
  let ids: unknown[] = []
  for (const row of read.iterate(...(values as (string | number)[])) as Iterable<unknown>) {
    ids.push((row as unknown[])[0])
    if (ids.length < idsPerBlock) continue
    yield { packed: packIds(ids), ids: ids.length }
    checkTime()
    ids = []
  }
  if (ids.length > 0) yield { packed: packIds(ids), ids: ids.length }
}

/** Writes blocks one after the other, and counts. */
class Filling {
  readonly #spec: NewSnapshot
  #blocks = 0
  total = 0

  constructor(spec: NewSnapshot) {
    this.#spec = spec
  }

  get tooLarge(): boolean {
    return this.total > this.#spec.maxRows
  }

  begin({ connection, now }: Writing): void {
    const { id, tenant, purpose, detail } = this.#spec
    connection.run(
      `insert into millrace_snapshot (id, tenant, purpose, detail, total, state, created, expires)
       values (?, ?, ?, ?, 0, ${filling}, ?, ?)`,
      ...[id, tenant, purpose, detail, now, now + fillingMs],
    )
  }

  add(connection: Connection, blocks: Iterable<Block>): void {
    for (const { packed, ids } of blocks) {
      connection.run(
        'insert into millrace_snapshot_block (snapshot, number, ids) values (?, ?, ?)',
        ...[this.#spec.id, this.#blocks, packed],
      )
      this.#blocks += 1
      this.total += ids
    }
  }

  /** For the next portion. */
  keep({ connection, now }: Writing): void {
    const changed = connection.run(
      `update millrace_snapshot set expires = ? where id = ? and state = ${filling}`,
      ...[now + fillingMs, this.#spec.id],
    )
    if (changed === 0) throw new MillraceError('MILL_INTERNAL', 'A snapshot was pruned while it was filled.')
  }

  /** The pruner takes what was written. */
  giveUp({ connection, now }: Writing): void {
    connection.run('update millrace_snapshot set expires = ? where id = ?', now, this.#spec.id)
  }

  end({ connection, now }: Writing): void {
    connection.run(
      `update millrace_snapshot set state = ${open}, total = ?, expires = ? where id = ?`,
      ...[this.total, now + this.#spec.ttlMs, this.#spec.id],
    )
  }
}

/** In one turn, inside the transaction that is open: its own writes count, and nobody writes in between. */
export function fillInside(writing: Writing, spec: NewSnapshot, withinMs: number): number | 'tooLarge' {
  const { connection } = writing
  const until = performance.now() + withinMs
  const fill = new Filling(spec)
  connection.run('savepoint millrace_snapshot')
  try {
    fill.begin(writing)
    fill.add(
      connection,
      blocksOf(connection, spec, () => {
        if (performance.now() > until) throw tooLong(withinMs)
      }),
    )
    fill.end(writing)
    if (fill.tooLarge) connection.run('rollback to millrace_snapshot')
    return fill.tooLarge ? 'tooLarge' : fill.total
  } catch (error) {
    if (connection.inTransaction) connection.run('rollback to millrace_snapshot')
    throw error
  } finally {
    if (connection.inTransaction) connection.run('release millrace_snapshot')
  }
}

function tooLong(ms: number): MillraceError {
  return new MillraceError(
    'MILL_WRITE_TIMEOUT',
    `Taking the snapshot inside a transaction took more than ${ms} ms, in which nobody else could write; take it outside.`,
  )
}

/**
 * Read on a connection of its own, in whose instant the set is fixed, and written in portions: others write and the event loop turns in
 * between. A sort that no index serves runs before the first portion, in one go.
 */
async function fillBeside(database: Database, spec: NewSnapshot): Promise<number | 'tooLarge'> {
  const reader = await database.openReader()
  const fill = new Filling(spec)
  try {
    const { blocks, first } = await database.retry(() => {
      const blocks = blocksOf(reader.connection, spec)
      return { blocks, first: take(blocks) }
    })
    let portion = first
    await database.write(null, (writing) => fill.begin(writing))
    while (portion.length > 0) {
      await database.write(null, (writing) => {
        fill.add(writing.connection, portion)
        fill.keep(writing)
      })
      await new Promise<void>((resolve) => database.soon(() => resolve()))
      database.demandOpen()
      portion = take(blocks)
    }
    if (fill.tooLarge) {
      await database.write(null, (writing) => fill.giveUp(writing))
      return 'tooLarge'
    }
    await database.write(null, (writing) => fill.end(writing))
    return fill.total
  } catch (error) {
    if (!database.closed) await database.write(null, (writing) => fill.giveUp(writing)).catch(() => false)
    throw translated(error)
  } finally {
    database.closeReader(reader)
  }
}

function take(blocks: Iterator<Block, void>): Block[] {
  const taken: Block[] = []
  while (taken.length < blocksAtOnce) {
    const { done, value } = blocks.next()
    if (done === true) break
    taken.push(value)
  }
  return taken
}

const alive = `state = ${open} and expires > ?`

function find(connection: Connection, now: number, id: string): Snapshot | null {
  const row = connection.get<
    Omit<Snapshot, 'remainingMs' | 'createdAt'> & { created: number; expires: number }
  >(
    `select id, tenant, purpose, detail, total, created, expires from millrace_snapshot where id = ? and ${alive}`,
    ...[id, now],
  )
  if (row === undefined) return null
  const { created, expires, ...rest } = row
  return { ...rest, createdAt: created, remainingMs: expires - now }
}

function ids(
  connection: Connection,
  now: number,
  id: string,
  position: number,
  count: number,
): SnapshotIds | null {
  const head = connection.get<{ tenant: string; expires: number }>(
    `select tenant, expires from millrace_snapshot where id = ? and ${alive}`,
    ...[id, now],
  )
  if (head === undefined) return null
  const first = Math.floor(position / idsPerBlock)
  const blocks = connection.all<{ ids: PackedIds }>(
    'select ids from millrace_snapshot_block where snapshot = ? and number between ? and ? order by number',
    ...[id, first, Math.floor((position + count - 1) / idsPerBlock)],
  )
  const all = blocks.flatMap((block) => unpackIds(block.ids))
  const from = position - first * idsPerBlock
  return { ids: all.slice(from, from + count), tenant: head.tenant, remainingMs: head.expires - now }
}

function extend({ connection, now }: Writing, id: string, ttlMs: number): boolean {
  return (
    connection.run(
      `update millrace_snapshot set expires = max(expires, ?) where id = ? and ${alive}`,
      ...[now + ttlMs, id, now],
    ) === 1
  )
}

function drop({ connection, now }: Writing, id: string): boolean {
  return (
    connection.run(
      `update millrace_snapshot set state = ${dropped}, expires = ? where id = ? and ${alive}`,
      ...[now, id, now],
    ) === 1
  )
}

function usage(connection: Connection, now: number, tenant: string): SnapshotUsage[] {
  return connection.all<SnapshotUsage>(
    `select purpose,
       count(*) filter (where state = ${open} and expires > ?2) as open,
       coalesce(sum(total) filter (where state = ${open} and expires > ?2), 0) as openRows,
       count(*) filter (where created > ?3) as made,
       coalesce(sum(total) filter (where created > ?3), 0) as madeRows
     from millrace_snapshot where tenant = ?1 and state <> ${filling} group by purpose order by purpose`,
    ...[tenant, now, now - dayMs],
  )
}

/** A head without blocks stays for a day after its making: `usage` counts it. */
function prune(
  { connection, now }: Writing,
  most: number,
): { readonly deleted: number; readonly done: boolean } {
  for (let left = most; left > 0;) {
    const old = connection.get<{ id: string; state: number; created: number }>(
      'select id, state, created from millrace_snapshot where expires <= ? order by expires limit 1',
      now,
    )
    if (old === undefined) return { deleted: most - left, done: true }
    left -= connection.run(
      `delete from millrace_snapshot_block where snapshot = ?1 and number in (
         select number from millrace_snapshot_block where snapshot = ?1 order by number limit ?2)`,
      ...[old.id, left],
    )
    if (left === 0) break
    if (old.state === filling || old.created <= now - dayMs)
      connection.run('delete from millrace_snapshot where id = ?', old.id)
    else
      connection.run(
        `update millrace_snapshot set state = ${dropped}, expires = created + ${dayMs} where id = ?`,
        old.id,
      )
    left -= 1
  }
  return { deleted: most, done: false }
}

/** Those of a transaction: on its connection. `write` marks it as one that wrote. */
export function snapshotsInside(
  within: <T>(work: (writing: Writing) => T, writes: boolean) => T,
  writeTimeoutMs: number,
): SnapshotAccess {
  return {
    create: async (spec) => within((writing) => fillInside(writing, spec, writeTimeoutMs), true),
    find: async (id) => within(({ connection, now }) => find(connection, now, id), false),
    ids: async (id, position, count) =>
      within(({ connection, now }) => ids(connection, now, id, position, count), false),
    extend: async (id, ttlMs) => within((writing) => extend(writing, id, ttlMs), false),
    drop: async (id) => within((writing) => drop(writing, id), true),
    usage: async (tenant) => within(({ connection, now }) => usage(connection, now, tenant), false),
  }
}

export function sqliteSnapshots(database: Database): Snapshots {
  return {
    create: (spec) =>
      // In memory there is one connection: the set is fixed in one turn.
      database.inMemory
        ? database.write(null, (writing) => fillInside(writing, spec, Number.POSITIVE_INFINITY))
        : fillBeside(database, spec),
    find: (id) => database.read((connection) => find(connection, database.now(), id)),
    ids: (id, position, count) =>
      database.read((connection) => ids(connection, database.now(), id, position, count)),
    extend: (id, ttlMs) => database.write(null, (writing) => extend(writing, id, ttlMs)),
    drop: (id) => database.write(null, (writing) => drop(writing, id)),
    usage: (tenant) => database.read((connection) => usage(connection, database.now(), tenant)),
    prune: (most) => database.write('prune', (writing) => prune(writing, most)),
  }
}
