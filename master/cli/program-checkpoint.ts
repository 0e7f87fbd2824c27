import type { Command } from 'commander'
import { countOf, idOf, leaf, listOption, textOption } from './program-leaf.ts'
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
  leaf(group.command('delete').alias('rm').argument('<uuid...>'))
    .description('delete checkpoints, or some of their files, for good')
    .option('--glob <pattern...>', "only files that match, such as 'optimizer/**'")
    .option('-y, --yes', 'yes, for good')
    .action(run(async (invocation, uuids, options) => (await import('./commands/delete-checkpoints.ts')).deleteCheckpoints(invocation, uuids, { globs: listOption(options['glob']), yes: options['yes'] === true })))
  leaf(group.command('gc').argument('<experiment>', 'id of the experiment'))
    .description('what a policy would let go of its checkpoints, and with --yes delete that; a count that is not given is the experiment\'s own')
    .option('--save-experiment-best <n>', 'so many of the best of the experiment stay')
    .option('--save-trial-best <n>', 'so many of the best of each trial stay')
    .option('--save-trial-latest <n>', 'so many of the latest of each trial stay')
    .option('-y, --yes', 'delete what is shown, for good')
    .action(run(async (invocation, [experiment], options) => {
      const policy = Object.fromEntries(POLICY.flatMap(([key, flag, name]) => (options[key] === undefined ? [] : [[name, countOf(options[key], flag, 0)]])))
      return (await import('./commands/gc-checkpoints.ts')).gcCheckpoints(invocation, idOf(experiment, 'experiment'), policy, options['yes'] === true)
    }))
}

const POLICY = [
  ['saveExperimentBest', '--save-experiment-best', 'save_experiment_best'],
  ['saveTrialBest', '--save-trial-best', 'save_trial_best'],
  ['saveTrialLatest', '--save-trial-latest', 'save_trial_latest'],
] as const
