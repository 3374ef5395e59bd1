import type { Command } from '@commander-js/extra-typings'

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
