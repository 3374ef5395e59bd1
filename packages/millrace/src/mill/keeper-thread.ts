import { parentPort, workerData } from 'node:worker_threads'
import { Loop } from '../kernel/runtime/loop.ts'
import type { KeeperNews, KeeperOrder, KeeperThreadData } from '../kernel/runtime/keeper.ts'
import { Renewing } from '../kernel/runtime/renewing.ts'
import { systemClock } from '../kernel/runtime/system-clock.ts'
import type { KeeperTarget } from './keeper.ts'
import { openStorage } from './storage-url.ts'

// The thread of ThreadKeeper: renews one worker's lease over a connection of its own.
const { target, leaseMs, heartbeatMs, blockedLimitMs, beat } = workerData as KeeperThreadData<KeeperTarget>
const alive = new BigInt64Array(beat)
const tell = (news: KeeperNews): void => parentPort?.postMessage(news)
const { storage } = await openStorage(target.settings, target.config, {})
const renewing = new Renewing({ workers: storage.workers, leaseMs, tell })

const loop = new Loop({
  clock: systemClock,
  onError: (error) => tell({ trouble: error instanceof Error ? error.message : String(error) }),
  round: async () => {
    const silent = Date.now() - Number(Atomics.load(alive, 0))
    if (silent <= blockedLimitMs) await renewing.round()
    return heartbeatMs
  },
})

parentPort?.on('message', (order: KeeperOrder) => {
  if (order !== null) {
    renewing.renew(order.worker)
    loop.start()
    loop.kick()
    return
  }
  void loop
    .stop()
    .then(() => storage.close())
    .then(() => process.exit())
})
