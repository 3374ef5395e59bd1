import type { Command } from '@commander-js/extra-typings'

export function addBatches(program: Command): void {
  const batch = program.command('batch').description('run batches, look at them and at what they set aside')

  batch
    .command('run')
    .description('enqueue a batch and print the id of its job')
    .argument('<name>', 'of a batch in the config')
    .argument('[input]', 'JSON, or - to read it from stdin')
    .option('--tenant <name>')
    .option('--delay <duration>', "not before this long from now: '10 minutes'")
    .option('--unique <key>', 'what makes two jobs the same')
    .option('--wait', 'wait for the end, print the result; exit code 1 when it failed')
    .option('--timeout <duration>', 'with --wait: how long (default: for ever)')
    .action(async (name, input, _options, command) => {
      const { enqueue } = await import('./commands/enqueue.ts')
      await enqueue(name, input, { ...command.optsWithGlobals(), tag: [], tool: 'batch' })
    })

  batch
    .command('status')
    .description('how far it is: records, chunks, rate, time left')
    .argument('<id>')
    .action(async (id, _options, command) => {
      const { batchStatus } = await import('./commands/batch.ts')
      await batchStatus(id, command.optsWithGlobals())
    })

  batch
    .command('failed')
    .description('what is set aside, grouped by error')
    .argument('<id>')
    .option('--export <file>', 'write it as CSV to a new file, or - for stdout')
    .action(async (id, _options, command) => {
      const { batchFailed } = await import('./commands/batch.ts')
      await batchFailed(id, command.optsWithGlobals())
    })

  batch
    .command('retry')
    .description('try again what is set aside, in a new job')
    .argument('<id>')
    .option('--import <file>', 'only the records of this CSV file, with its values; - for stdin')
    .action(async (id, _options, command) => {
      const { batchRetry } = await import('./commands/batch.ts')
      await batchRetry(id, command.optsWithGlobals())
    })
}

export function addFlexQueue(program: Command): void {
  const flex = program.command('flex').description('batches that are Holding, and their order')

  flex
    .command('list')
    .description('what is under way, and what starts next, in order')
    .option('--tenant <name>', 'default: default')
    .action(async (_options, command) => {
      const { listFlexQueue } = await import('./commands/flex.ts')
      await listFlexQueue(command.optsWithGlobals())
    })

  flex
    .command('move')
    .description('give a batch that is Holding another place')
    .argument('<id>')
    .option('--front', 'it starts next')
    .option('--end', 'it starts last')
    .option('--before <id>', 'right before another one that is Holding')
    .option('--after <id>', 'right after another one')
    .action(async (id, _options, command) => {
      const { moveInFlexQueue } = await import('./commands/flex.ts')
      await moveInFlexQueue(id, command.optsWithGlobals())
    })
}
