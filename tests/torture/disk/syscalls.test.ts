import { expect, test } from 'vitest'
import { diskEvents } from './syscalls.ts'

const hex = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
const fd = (path: string): string => `7<${hex(path)}>`

function read(...lines: string[]): unknown[] {
  return diskEvents(lines.join('\n'), '/data').map((event) =>
    event.kind === 'write' ? { ...event, data: event.data.toString() } : event,
  )
}

test('writes, syncs and names of the folder are read, in order, and lines of ledgers', () => {
  expect(
    read(
      `10 openat(AT_FDCWD<${hex('/')}>, "${hex('/data/a')}", O_RDWR|O_CREAT, 0644) = ${fd('/data/a')}`,
      `10 openat(AT_FDCWD<${hex('/')}>, "${hex('/lib/b')}", O_RDONLY) = ${fd('/lib/b')}`,
      `10 pwrite64(${fd('/data/a')}, "${hex('wal')}", 3, 24) = 3`,
      `10 pwrite64(${fd('/data/a-shm')}, "${hex('x')}", 1, 0) = 1`,
      `11 fsync(${fd('/data/a')}) = 0`,
      `10 fsync(${fd('/data/a')}) = -1 EIO (Input/output error) (INJECTED)`,
      `10 write(${fd('/out/w.jsonl')}, "${hex('{"kind":"ok"}\n')}", 14) = 14`,
      `10 ftruncate(${fd('/data/a')}, 0) = 0`,
      `10 fsync(${fd('/data')}) = 0`,
      `10 unlink("${hex('/data/a')}") = 0`,
    ),
  ).toEqual([
    { kind: 'create', path: '/data/a' },
    { kind: 'write', path: '/data/a', offset: 24, data: 'wal' },
    { kind: 'sync', path: '/data/a', from: 2 },
    { kind: 'said', path: 'w.jsonl', line: '{"kind":"ok"}\n' },
    { kind: 'truncate', path: '/data/a', size: 0 },
    { kind: 'sync', path: '/data', from: 5 },
    { kind: 'unlink', path: '/data/a' },
  ])
})

test('a sync that another thread interrupts counts from its end, for what was there at its beginning', () => {
  expect(
    read(
      `10 pwrite64(${fd('/data/a')}, "${hex('1')}", 1, 0) = 1`,
      `11 fsync(${fd('/data/a')} <unfinished ...>`,
      `10 pwrite64(${fd('/data/a')}, "${hex('2')}", 1, 1) = 1`,
      `11 <... fsync resumed>) = 0`,
    ),
  ).toMatchObject([{ data: '1' }, { data: '2' }, { kind: 'sync', from: 1 }])
})

test('a write counts from its beginning, also when its process was killed in it; a sync then does not', () => {
  expect(
    read(
      `11 pwrite64(${fd('/data/a')}, "${hex('1')}", 1, 0 <unfinished ...>`,
      `10 pwrite64(${fd('/data/a')}, "${hex('2')}", 1, 1) = 1`,
      `11 <... pwrite64 resumed>) = 1`,
      `10 pwrite64(${fd('/data/a')}, "${hex('3')}", 1, 2) = ?`,
      `11 fsync(${fd('/data/a')} <unfinished ...>`,
      `10 +++ killed by SIGKILL +++`,
    ),
  ).toMatchObject([{ data: '1' }, { data: '2' }, { data: '3' }])
})

test('a call that it knows nothing of is not passed over', () => {
  expect(() => read(`10 fallocate(${fd('/data/a')}, 0, 0, 4096) = 0`)).toThrow('not understood')
  expect(() => read(`10 pwrite64(${fd('/data/a')}, "${hex('ab')}"..., 4096, 0) = 4096`)).toThrow(
    'not understood',
  )
})
