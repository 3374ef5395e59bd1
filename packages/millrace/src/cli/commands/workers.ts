import type { WorkerView } from '../../index.ts'
import type { GlobalOptions } from '../global-options.ts'
import { printJson } from '../json.ts'
import { look } from '../session.ts'
import { printTable } from '../table.ts'
import { paint, print, shortTime } from '../text.ts'

export async function listWorkers(options: GlobalOptions): Promise<void> {
  const workers = await look(options, (mill) => mill.workers())
  if (options.json) {
    printJson({
      workers: workers.map((worker) => ({
        ...worker,
        startedAt: new Date(worker.startedAt),
        until: new Date(worker.until),
      })),
    })
    return
  }
  if (workers.length === 0) {
    print('no workers; start one with: millrace worker')
    return
  }
  printTable<WorkerView>(
    [
      { title: 'ID', value: ({ id }) => String(id), right: true },
      {
        title: 'STATE',
        value: ({ alive }) => (alive ? 'alive' : 'lost'),
        paint: (cell, { alive }) => paint(alive ? 'green' : 'red', cell),
      },
      // Behind the name stands what tells two machines of one name apart.
      { title: 'HOST', value: ({ host }) => host.split(' ')[0] ?? '' },
      { title: 'PID', value: ({ pid }) => String(pid), right: true },
      { title: 'RELEASE', value: ({ release }) => release },
      { title: 'STARTED', value: ({ startedAt }) => shortTime(new Date(startedAt)) },
      { title: 'QUEUES', value: ({ queues }) => queues?.join(',') ?? 'all' },
      { title: 'KNOWS', value: ({ knows }) => knows.join(' ') },
    ],
    workers,
  )
}
