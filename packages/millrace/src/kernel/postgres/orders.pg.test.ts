import type pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { BoardRoom } from './conformance/board.ts'
import {
  heldTwice,
  moves,
  overlooked,
  settledTwice,
  startedTooEarly,
  type Enqueued,
} from './conformance/moves.ts'
import { hasPostgres, PostgresBench, type PostgresStorage } from './conformance/opened.ts'
import { unsound } from './conformance/sound.ts'
import { inEveryOrder, type Scene } from './conformance/stepped.ts'

const names = Object.keys(moves)
/** Moves that meet somewhere; on request all that can be at once. */
const all = process.env['MILLRACE_ORDERS'] === 'all'
const pairs = names.flatMap((a, at) => names.slice(at).flatMap((b) => (goTogether(a, b) ? [[a, b]] : [])))

const triples = [
  ['claim', 'claim', 'abortHolder'],
  ['claim', 'moveDue', 'abortDue'],
  ['settle', 'rescue', 'rescue'],
  ['settle', 'settled', 'rescue'],
  ['settle', 'rescue', 'handBackLease'],
  ['settle', 'handBack', 'handBackLease'],
  ['settleAll', 'rescue', 'bury'],
]
const longTriples = [
  ['claim', 'sweepAborts', 'sweepAborts'],
  ['claim', 'enqueueStarted', 'commitStarted'],
  ['claim', 'abortHolder', 'enqueueStarted'],
  ['claimGated', 'handBack', 'pump'],
  ['claimGated', 'abortGated', 'define'],
  ['settleInTransaction', 'rescue', 'abortRunning'],
  ['pump', 'define', 'abortParked'],
  ['prune', 'enqueueDone', 'replaceDone'],
  ['commitFree', 'rollbackFree', 'enqueueFree'],
]

function goTogether(a: string, b: string): boolean {
  const [one, two] = [moves[a]!, moves[b]!]
  if (one.never?.includes(b) === true || two.never?.includes(a) === true) return false
  return all || one.on.some((row) => two.on.includes(row))
}

describe.skipIf(!hasPostgres)('concurrent statements in every order', { timeout: 600_000 }, () => {
  const bench = new PostgresBench()
  const storages = new Map<string, PostgresStorage>()
  let admin: pg.Client
  let room: BoardRoom

  beforeAll(async () => {
    admin = await bench.client()
    await admin.query('create table effect (job uuid not null)')
    room = new BoardRoom(bench, await open('room'), admin)
    for (const session of ['a', 'b', 'c']) storages.set(session, await open(session))
  })

  /** A process of its own. Nothing of this must outlive a crash, and deadlocks should show soon. */
  async function open(session: string): Promise<PostgresStorage> {
    const url = new URL(bench.urlWith('application_name', session))
    url.searchParams.set('options', '-c synchronous_commit=off -c deadlock_timeout=20ms')
    const storage = await bench.open({ url: url.href })
    await storage.now()
    return storage
  }

  async function sceneOf(moving: readonly string[]): Promise<Scene> {
    const board = await room.board()
    const players = new Map(
      [...storages].slice(0, moving.length).map(([session, storage], at) => {
        const name = moving[at]!
        return [session, { name, storage, move: moves[name]! }]
      }),
    )
    return {
      works: new Map(
        [...players].map(([session, { move, storage }]) => [session, () => move.work(storage, board)]),
      ),
      async judge(ended, statements) {
        const answered = ended.map(({ session, result }) => {
          const { name, move } = players.get(session)!
          if (result.status === 'rejected') throw new Error(`${name}: ${String(result.reason)}`)
          return { name, move, answer: result.value }
        })
        const added = answered.flatMap(({ move, answer }) => move.adds?.(answer) ?? [])
        const rows = await room.rows([...board.jobs, ...added])
        const unreleased = answered.reduce((sum, { move }) => sum + (move.unreleased ?? 0), 0)
        const enqueued = answered.flatMap(({ move, answer }) => (move.adds ? [answer as Enqueued] : []))
        const told = answered.map(({ name, answer }) => [name, answer] as const)
        expect([
          ...answered.flatMap(({ name, move, answer }) => {
            const wrong = move.wrong?.(answer, board, rows) ?? false
            return wrong === false ? [] : [`${name}: ${wrong}`]
          }),
          ...settledTwice(
            told.map(([, answer]) => answer),
            board,
            rows,
          ),
          ...heldTwice(enqueued, board, rows),
          ...startedTooEarly(told),
          ...overlooked(told, statements),
          ...unsound(rows, unreleased),
        ]).toEqual([])
      },
    }
  }

  test.each(
    [...pairs, ...triples, ...(all ? longTriples : [])].map(
      (moving) => [moving.join(' and '), moving] as const,
    ),
  )('%s', async (_, moving) => {
    const orders = await inEveryOrder(admin, () => sceneOf(moving))
    expect(orders).toBeGreaterThan(1)
  })
})
