import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { missingPart } from '../../support/server-process.ts'
import type { DiskEvent } from './disk.ts'

/** What strace must log, for `diskEvents` to read it. `-D`: the process keeps its id and is whoever started it's own child. */
export function traced(log: string): readonly string[] {
  const calls = ['openat', 'write', 'writev', 'pwrite64', 'pwritev', 'ftruncate', 'fallocate']
  const rest = ['fsync', 'fdatasync', 'unlink', 'unlinkat', 'rename', 'sync_file_range', 'msync']
  return [
    ...['strace', '-D', '-f', '-y', '-xx', '-q', '-s', '10000000', '--seccomp-bpf', '-e', 'signal=none'],
    ...['-e', `trace=${[...calls, ...rest].join(',')}`, '-o', log],
  ]
}

/** The strace that watches the process: when it is gone, its log is whole. */
export function tracerOf(pid: number): { readonly isGone: boolean } {
  const tracer = Number(/^TracerPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  if (!(tracer > 0)) throw new Error(`nobody traces ${pid}`)
  return {
    get isGone() {
      try {
        return /\) [ZX] /.test(readFileSync(`/proc/${tracer}/stat`, 'utf8'))
      } catch {
        return true
      }
    },
  }
}

/**
 * Pure: the log as events on the files in `folder` (without SQLite's shared memory, which no crash outlives), and the lines that
 * were written to ledgers, in the order in which they happened.
 */
export function diskEvents(log: string, folder: string): DiskEvent[] {
  const events: (DiskEvent | null)[] = []
  /** By thread: the call that another one's line interrupted. */
  const open = new Map<string, { readonly text: string; readonly place: number }>()
  for (const line of log.split('\n')) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/s.exec(line) ?? []
    const unfinished = /^(.*) <unfinished \.\.\.>$/s.exec(rest)
    if (unfinished !== null) {
      open.set(thread, { text: unfinished[1] ?? '', place: events.length })
      // What it writes may be on the disk from here on.
      events.push(null)
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest)
    const begun = resumed === null ? undefined : open.get(thread)
    if (begun !== undefined) open.delete(thread)
    const event = eventOf((begun?.text ?? '') + (resumed?.[1] ?? rest), folder, begun?.place ?? events.length)
    if (event === null) continue
    if (begun !== undefined && event.kind !== 'sync' && event.kind !== 'said') events[begun.place] = event
    else events.push(event)
  }
  for (const { text, place } of open.values()) events[place] ??= eventOf(`${text}) = ?`, folder, place)
  return compacted(events)
}

/** Without the places of calls that were of no interest; `from` of each sync goes along. */
function compacted(events: readonly (DiskEvent | null)[]): DiskEvent[] {
  const result: DiskEvent[] = []
  const places: number[] = []
  for (const event of events) {
    places.push(result.length)
    if (event !== null)
      result.push(event.kind === 'sync' ? { ...event, from: places[event.from] ?? result.length } : event)
  }
  return result
}

function eventOf(text: string, folder: string, from: number): DiskEvent | null {
  const [, call = '', args = '', answer = ''] = /^(\w+)\((.*)\) += (-?\d+|\?)/s.exec(text) ?? []
  // `?`: killed in the midst of it. The kernel finishes a write, but nobody heard that a sync was done, or that a line is there.
  const isCut = answer === '?'
  if (call === '' || Number(answer) < 0 || (isCut && ['fsync', 'fdatasync', 'write'].includes(call)))
    return null
  const path = /^\d+<([^>]*)>/.exec(args)?.[1]
  const isOurs = (name: string): boolean =>
    (dirname(name) === folder || name === folder) && !name.endsWith('-shm')
  const of = path === undefined ? '' : fromHex(path).toString()
  switch (call) {
    case 'write':
      if (!of.endsWith('.jsonl')) return unexpected(isOurs(of), text)
      return { kind: 'said', path: basename(of), line: fromHex(quoted(args)).toString() }
    case 'pwrite64': {
      if (!isOurs(of)) return null
      const [, length = '', offset = ''] = /, (\d+), (\d+)$/.exec(args) ?? []
      const data = fromHex(quoted(args))
      // Cut short by strace, or by the disk.
      if (data.length !== Number(length) || (!isCut && Number(answer) !== data.length))
        return unexpected(true, text)
      return { kind: 'write', path: of, offset: Number(offset), data }
    }
    case 'ftruncate':
      return isOurs(of) ? { kind: 'truncate', path: of, size: Number(/, (\d+)$/.exec(args)?.[1]) } : null
    case 'fsync':
    case 'fdatasync':
      return isOurs(of) ? { kind: 'sync', path: of, from } : null
    case 'unlink': {
      const name = fromHex(quoted(args)).toString()
      return isOurs(name) ? { kind: 'unlink', path: name } : null
    }
    case 'openat': {
      const name = fromHex(quoted(args)).toString()
      return isOurs(name) && args.includes('O_CREAT') ? { kind: 'create', path: name } : null
    }
    default:
      return unexpected(isOurs(of) || (args.includes('"') && isOurs(fromHex(quoted(args)).toString())), text)
  }
}

/** A call on the database's files that the images know nothing of would make them wrong. */
function unexpected(matters: boolean, text: string): null {
  if (matters) throw new Error(`not understood: ${text.slice(0, 300)}`)
  return null
}

function quoted(args: string): string {
  return /"([^"]*)"/.exec(args)?.[1] ?? ''
}

function fromHex(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex')
}

/** Where strace is missing or may trace nobody its tests are skipped (a failure on CI). */
export function straceHere(): boolean {
  const { status } = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true'])
  if (status === 0) return true
  missingPart(
    'strace cannot be used: the tests of power cuts and failing disks are skipped. Debian: apt-get install strace.',
  )
  return false
}
