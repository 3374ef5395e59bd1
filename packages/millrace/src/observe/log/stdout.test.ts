import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import type { LogEntry } from './entry.ts'
import { stdoutSink } from './stdout.ts'

const entry: LogEntry = { at: 0, level: 'INFO', message: 'hello', tags: [] }

test('a stream that cannot be written to any more, as on a full disk, loses lines and nothing else', async () => {
  let failures = 0
  const full = new Writable({
    autoDestroy: false,
    write(_chunk, _encoding, done) {
      failures += 1
      done(new Error('ENOSPC: no space left on device, write'))
    },
  })
  const failed = new Promise((resolve) => full.once('close', resolve).once('error', resolve))
  const sinks = [
    stdoutSink(full as unknown as NodeJS.WriteStream),
    stdoutSink(full as unknown as NodeJS.WriteStream),
  ]
  for (const sink of sinks) sink(entry)
  await failed
  expect(failures).toBeGreaterThan(0)
  // One for each stream, not for each mill.
  expect(full.listenerCount('error')).toBe(1)
})
