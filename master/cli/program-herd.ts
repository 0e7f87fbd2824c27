import type { Command } from 'commander'
import { CliError, EXIT } from './fail.ts'
import { countOf, idOf, leaf, listOption, textOption } from './program-leaf.ts'
import type { Runner } from './program-leaf.ts'

export function addHerdCommands(program: Command, run: Runner): void {
  const instance = program.command('instance').alias('i').description('look at and retire EC2 instances')
  leaf(instance.command('list').alias('ls'))
    .description('instances, newest first, with what they cost')
    .option('--pool <name>', 'of this pool')
    .option('--state <state...>', 'only these: starting ready retiring terminating gone')
    .option('-a, --all', 'those that EC2 has ended too')
    .option('--limit <n>', 'at most so many')
    .action(run(async (invocation, _, options) => (await import('./commands/show-instances.ts')).listInstances(invocation, { pool: textOption(options['pool']), states: listOption(options['state']), all: options['all'] === true, limit: countOf(options['limit'], '--limit', 100) })))
  leaf(instance.command('describe').argument('<id>'))
    .description('one instance with its cost, its launch and its events')
    .action(run(async (invocation, [id = '']) => (await import('./commands/show-instances.ts')).describeInstance(invocation, id)))
  leaf(instance.command('retire').argument('<id>'))
    .description('end it once its agent has drained; refused while work is on it')
    .action(run(async (invocation, [id = '']) => (await import('./commands/show-instances.ts')).retireInstance(invocation, id)))

  const pool = program.command('pool').alias('p').description('look at and resume resource pools')
  leaf(pool.command('list').alias('ls'))
    .description('pools, what they cost an hour and what they wait for')
    .action(run(async (invocation) => (await import('./commands/show-pools.ts')).listPools(invocation)))
  leaf(pool.command('describe').argument('<name>'))
    .description('one pool: what waits, what EC2 refused, what was tried')
    .action(run(async (invocation, [name = '']) => (await import('./commands/show-pools.ts')).describePool(invocation, name)))
  leaf(pool.command('resume').argument('<name>'))
    .description('let a paused pool launch again')
    .action(run(async (invocation, [name = '']) => (await import('./commands/show-pools.ts')).resumePool(invocation, name)))

  leaf(program.command('alarm').description('what a person must know').command('list').alias('ls'))
    .description('alarms that stand, and what to do')
    .action(run(async (invocation) => (await import('./commands/show-alarms.ts')).listAlarms(invocation)))
  leaf(program.command('brake').description('the brake: many agents fell silent at once, none is given up').command('release'))
    .description('let silent agents be given up again')
    .action(run(async (invocation) => (await import('./commands/show-alarms.ts')).releaseBrake(invocation)))
  addStories(program, run)
}

/** Why, and what happened. */
function addStories(program: Command, run: Runner): void {
  leaf(program.command('why').argument('<what>', 'id of an experiment or an instance').argument('[id]', 'where <what> is the word experiment or instance'))
    .description('why something is as it is: what it waits for, what it costs, what to do')
    .action(run(async (invocation, [what = '', id = '']) => {
      const { whyExperiment, whyInstance } = await import('./commands/show-events.ts')
      const asked = whyOf(what, id)
      return asked.kind === 'experiment' ? whyExperiment(invocation, idOf(asked.id, 'experiment')) : whyInstance(invocation, asked.id)
    }))
  leaf(program.command('events'))
    .description('what happened in the cluster, with causes')
    .option('--experiment <id>', 'of this experiment')
    .option('--instance <id>', 'of this instance')
    .option('--pool <name>', 'of this pool')
    .option('--kind <kind>', 'only of this kind')
    .option('--after <n>', 'only those after this event id')
    .option('-f, --follow', 'go on with new ones')
    .action(run(async (invocation, _, options) => {
      const experiment = textOption(options['experiment'])
      return (await import('./commands/show-events.ts')).listEvents(invocation, {
        experimentId: experiment === undefined ? undefined : idOf(experiment, 'experiment'), instanceId: textOption(options['instance']), pool: textOption(options['pool']), kind: textOption(options['kind']),
        after: countOf(options['after'], '--after', 0), follow: options['follow'] === true,
      })
    }))
}

/** `7`, `i-0abc`, `experiment 7`, `instance i-0abc`. */
function whyOf(what: string, id: string): { kind: 'experiment' | 'instance'; id: string } {
  if (id === '') return { kind: /^[0-9]+$/.test(what) ? 'experiment' : 'instance', id: what }
  if (what === 'experiment' || what === 'e') return { kind: 'experiment', id }
  if (what === 'instance' || what === 'i') return { kind: 'instance', id }
  throw new CliError(EXIT.usage, `unknown kind ${JSON.stringify(what)}`, 'write: drover why <experiment id>, or drover why <instance id>')
}
