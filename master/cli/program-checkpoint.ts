import type { Command } from 'commander'
import { idOf, leaf, textOption } from './program-leaf.ts'
import type { Runner } from './program-leaf.ts'

export function addCheckpointCommands(program: Command, run: Runner): void {
  const group = program.command('checkpoint').alias('c').description('look at and fetch checkpoints')
  leaf(group.command('list').alias('ls').argument('[experiment]', 'id of the experiment'))
    .description('checkpoints of an experiment or a trial')
    .option('--trial <id>', 'of this trial')
    .action(run(async (invocation, [experiment = ''], options) => {
      const { listCheckpoints } = await import('./commands/show-checkpoints.ts')
      const trial = textOption(options['trial'])
      return listCheckpoints(invocation, trial === undefined ? { experimentId: idOf(experiment, 'experiment') } : { trialId: idOf(trial, 'trial') })
    }))
  leaf(group.command('describe').argument('<uuid>'))
    .description('one checkpoint with its files')
    .action(run(async (invocation, [uuid = '']) => (await import('./commands/show-checkpoints.ts')).describeCheckpoint(invocation, uuid)))
  leaf(group.command('download').argument('<uuid>'), { output: false })
    .description('fetch the files through the master')
    .option('-o, --output-dir <dir>', 'where to (default checkpoints/<uuid>)')
    .action(run(async (invocation, [uuid = ''], options) => (await import('./commands/download-checkpoint.ts')).downloadCheckpoint(invocation, uuid, textOption(options['outputDir']) ?? null)))
}
