import type { Command } from '@commander-js/extra-typings'

export function addPipelines(program: Command): void {
  const pipelines = program.command('pipelines').description('run pipelines, look at them, and steer them')

  pipelines
    .command('run')
    .description('enqueue one and print its id')
    .argument('<name>', 'of a definition in the config')
    .argument('[input]', 'JSON, or - to read it from stdin')
    .option('--tenant <name>')
    .action(async (name, input, _options, command) => {
      const { enqueue } = await import('./commands/enqueue.ts')
      await enqueue(name, input, { ...command.optsWithGlobals(), tag: [] })
    })

  pipelines
    .command('status')
    .description('its steps: attempts, time, pages, errors; where it is, and its state')
    .argument('<id>')
    .action(async (id, _options, command) => {
      const { showPipeline } = await import('./commands/pipelines.ts')
      await showPipeline(id, command.optsWithGlobals())
    })

  for (const [verb, description] of [
    ['pause', 'let nothing of it begin until it is resumed; a step that runs completes'],
    ['resume', 'let it go on'],
    ['retry', 'try the step again that it is at; prints the id of the job that goes on'],
    ['skip', 'go on with the step after that; prints the id of the job that goes on'],
    ['abort', 'end it; a step that runs completes'],
  ] as const)
    pipelines
      .command(verb)
      .description(description)
      .argument('<id>')
      .action(async (id, _options, command) => {
        const { steerPipeline } = await import('./commands/pipelines.ts')
        await steerPipeline(verb, id, command.optsWithGlobals())
      })

  pipelines
    .command('signal')
    .description('give a step what it waits for')
    .argument('<id>')
    .argument('<step>')
    .argument('[data]', 'JSON')
    .action(async (id, step, data, _options, command) => {
      const { signalPipeline } = await import('./commands/pipelines.ts')
      await signalPipeline(id, step, data, command.optsWithGlobals())
    })

  for (const verb of ['approve', 'reject'] as const)
    pipelines
      .command(verb)
      .description(`${verb} what a step asks for, by its token`)
      .argument('<token>')
      .argument('[form]', 'JSON')
      .option('--by <who>')
      .action(async (token, form, _options, command) => {
        const { decidePipeline } = await import('./commands/pipelines.ts')
        await decidePipeline(verb, token, form, command.optsWithGlobals())
      })

  pipelines
    .command('restart')
    .description('go on from a step; prints the id of the job that does')
    .argument('<id>')
    .requiredOption('--from <step>')
    .option('--state <json>', 'what its steps find from now on (default: as it is)')
    .action(async (id, _options, command) => {
      const { restartPipeline } = await import('./commands/pipelines.ts')
      await restartPipeline(id, command.optsWithGlobals())
    })
}
