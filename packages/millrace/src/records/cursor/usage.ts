import type { SnapshotAccess, SnapshotUsage } from '../../kernel/storage/snapshots.ts'
import { fatal } from '../page/errors.ts'
import { defaultCursorLimits, type CursorLimits } from './limits.ts'

export interface Used {
  readonly used: number
  /** null: none. */
  readonly limit: number | null
}

/** What a tenant's cursors use, and what they may (semantics C-07). */
export interface CursorUsage {
  /** Opened within the last 24 hours. */
  readonly cursors: Used
  readonly paginationCursors: Used
  /** Records in those of the last 24 hours, of both kinds. */
  readonly rows: Used
  /** That can still be read. */
  readonly open: number
  readonly openRows: number
  readonly limits: CursorLimits
}

const kinds = ['cursor', 'pagination']

export async function cursorUsage(
  snapshots: SnapshotAccess,
  tenant: string,
  limits: CursorLimits = defaultCursorLimits,
): Promise<CursorUsage> {
  const all = (await snapshots.usage(tenant)).filter(({ purpose }) => kinds.includes(purpose))
  const madeAs = (kind: string): number => all.find(({ purpose }) => purpose === kind)?.made ?? 0
  return {
    cursors: { used: madeAs('cursor'), limit: limits.perDay },
    paginationCursors: { used: madeAs('pagination'), limit: limits.perDay },
    rows: { used: sum(all, 'madeRows'), limit: limits.rowsPerDay },
    open: sum(all, 'open'),
    openRows: sum(all, 'openRows'),
    limits,
  }
}

/** Throws MILL_CURSOR_FATAL when a tenant has opened as many as it may within 24 hours. */
export async function checkDay(
  snapshots: SnapshotAccess,
  tenant: string,
  limits: CursorLimits,
  kind: 'cursor' | 'pagination',
): Promise<void> {
  if (limits.perDay === null && limits.rowsPerDay === null) return
  const usage = await cursorUsage(snapshots, tenant, limits)
  const { used } = kind === 'cursor' ? usage.cursors : usage.paginationCursors
  if (limits.perDay !== null && used >= limits.perDay)
    throw fatal(`${tenant} has opened ${used} cursors within 24 hours, and may open ${limits.perDay}`, {
      used,
    })
  if (limits.rowsPerDay !== null && usage.rows.used >= limits.rowsPerDay)
    throw fatal(
      `the cursors that ${tenant} has opened within 24 hours have ${usage.rows.used} records, and may have ${limits.rowsPerDay}`,
      { used: usage.rows.used },
    )
}

function sum(usage: readonly SnapshotUsage[], what: Exclude<keyof SnapshotUsage, 'purpose'>): number {
  return usage.reduce((total, one) => total + one[what], 0)
}
