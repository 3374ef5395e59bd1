import type { RowId } from '../storage/snapshots.ts'

/** A JSON array; of uuids the 16 bytes of each, which is less than half of it. */
export type PackedIds = string | Uint8Array

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const bytes = 16

export function packIds(ids: readonly unknown[]): PackedIds {
  const areUuids = ids.every((id) => typeof id === 'string' && id.length === 36 && uuid.test(id))
  return areUuids ? Buffer.from(ids.join('').replaceAll('-', ''), 'hex') : JSON.stringify(ids)
}

export function unpackIds(packed: PackedIds): RowId[] {
  if (typeof packed === 'string') return JSON.parse(packed) as RowId[]
  const hex = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength).toString('hex')
  return Array.from({ length: packed.byteLength / bytes }, (_, at) => uuidAt(hex, at * bytes * 2))
}

function uuidAt(hex: string, at: number): string {
  const cut = (from: number, to: number): string => hex.slice(at + from, at + to)
  return `${cut(0, 8)}-${cut(8, 12)}-${cut(12, 16)}-${cut(16, 20)}-${cut(20, 32)}`
}
