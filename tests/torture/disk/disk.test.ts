import { describe, expect, test } from 'vitest'
import { Random } from '../random.ts'
import { Disk, type DiskEvent, type Image } from './disk.ts'

const file = '/data/file'
const write = (text: string, offset = 0): DiskEvent => {
  return { kind: 'write', path: file, offset, data: Buffer.from(text) }
}
const sync = (from: number, path = file): DiskEvent => ({ kind: 'sync', path, from })

/** What stands in the file after each of many power cuts at the end; null: there is no file. */
function outcomes(events: readonly DiskEvent[], base: Image = new Map([[file, Buffer.from('base')]])) {
  const disk = new Disk(base)
  for (const event of events) disk.apply(event)
  const random = new Random(1)
  return new Set(Array.from({ length: 400 }, () => disk.cut(random).get(file)?.toString() ?? null))
}

describe('a disk whose power is cut', () => {
  test('keeps what was synced', () => {
    expect(outcomes([write('new!'), sync(1)])).toEqual(new Set(['new!']))
    const shrunk: DiskEvent = { kind: 'truncate', path: file, size: 2 }
    expect(outcomes([shrunk, write('x', 4), sync(2)])).toEqual(new Set(['ba\0\0x']))
  })

  test('keeps of the unsynced what chance decides, the later write also without the earlier', () => {
    expect(outcomes([write('1', 0), write('2', 1)])).toEqual(new Set(['base', '1ase', 'b2se', '12se']))
    const shrunk: DiskEvent = { kind: 'truncate', path: file, size: 0 }
    expect(outcomes([shrunk])).toEqual(new Set(['base', '']))
  })

  test('tears an unsynced write between sectors, never within one', () => {
    const base = new Map([[file, Buffer.alloc(1536, 'o')]])
    const parts = new Set<string>()
    for (const content of outcomes([write('n'.repeat(1024), 256)], base))
      parts.add(content!.replaceAll(/(.)\1*/g, (run, letter: string) => `${letter}${run.length} `))
    expect(parts).toContain('o256 n1024 o256 ')
    expect(parts).toContain('o1536 ')
    expect(parts).toContain('o256 n256 o1024 ')
    expect(parts).toContain('o512 n512 o512 ')
    // Three parts, each there or not.
    expect(parts.size).toBe(8)
  })

  test('a sync covers what was written when it was called, not what came while it ran', () => {
    expect(outcomes([write('1', 0), write('2', 1), sync(1)])).toEqual(new Set(['1ase', '12se']))
  })

  test('a new file is certainly there once its folder is synced, and what was synced in it', () => {
    const created: DiskEvent = { kind: 'create', path: file }
    const empty = new Map<string, Buffer>()
    expect(outcomes([created, write('x'), sync(2)], empty)).toEqual(new Set(['x', null]))
    expect(outcomes([created, write('x'), sync(2), sync(3, '/data')], empty)).toEqual(new Set(['x']))
    expect(outcomes([created, write('x'), sync(2), sync(3, '/other')], empty)).toEqual(new Set(['x', null]))
  })

  test('a deleted file may be back, with what was in it, until its folder is synced', () => {
    const deleted: DiskEvent = { kind: 'unlink', path: file }
    expect(outcomes([deleted])).toEqual(new Set(['base', null]))
    expect(outcomes([deleted, sync(1, '/data')])).toEqual(new Set([null]))
    const again: DiskEvent[] = [deleted, { kind: 'create', path: file }, write('x'), sync(3)]
    expect(outcomes(again)).toEqual(new Set(['base', null, 'x']))
  })
})
