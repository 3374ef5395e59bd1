import { fileURLToPath } from 'node:url'
import { createMill, loadConfig } from 'millrace'

// What `millrace worker` does, for a child process: it ends with its parent, even if that one is killed.
const stopping = new AbortController()
const stop = (): void => stopping.abort()
process.once('SIGINT', stop)
process.once('SIGTERM', stop)
process.once('disconnect', stop)

const loaded = await loadConfig(fileURLToPath(import.meta.resolve('../millrace.config.ts')))
const mill = await createMill(loaded?.config)
await mill.start()
if (!stopping.signal.aborted && process.connected) {
  await new Promise((resolve) => stopping.signal.addEventListener('abort', resolve))
}
await mill.stop()
