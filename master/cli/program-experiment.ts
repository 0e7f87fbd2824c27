import type { Command } from 'commander'
import { countOf, idOf, leaf, listOption, textOption } from './program-leaf.ts'
import type { OptionValues, Runner } from './program-leaf.ts'
import type { LogFilters } from './log-filters.ts'

export function addExperimentCommands(program: Command, run: Runner): void {
  const group = program.command('experiment').alias('e').description('submit, look at and steer experiments')
  leaf(group.command('create').argument('<config>', 'YAML or JSON file').argument('[dir]', 'model definition: this directory is sent along'))
    .description('submit an experiment')
    .option('-f, --follow', 'follow it to its end; exit 0 only for COMPLETED')
    .option('--wait', 'wait for its end without its logs; exit 0 only for COMPLETED')
    .option('--paused', 'submit without starting it')
    .option('--config <key=value...>', 'change the configuration, as in --config resources.slots_per_trial=2')
    .action(run(async (invocation, [config = '', dir = ''], options) => {
      const { createExperiment } = await import('./commands/create-experiment.ts')
      return createExperiment(invocation, { config, dir: dir === '' ? null : dir, follow: options['follow'] === true, wait: options['wait'] === true, paused: options['paused'] === true, overrides: listOption(options['config']) })
    }))
  leaf(group.command('list').alias('ls'))
    .description('experiments, newest first')
    .option('-a, --all', 'archived ones too')
    .option('--limit <n>', 'at most so many')
    .action(run(async (invocation, _, options) => (await import('./commands/show-experiments.ts')).listExperiments(invocation, { all: options['all'] === true, limit: countOf(options['limit'], '--limit', 100) })))
  leaf(group.command('describe').argument('<id>'))
    .description('one experiment with its trials')
    .action(run(async (invocation, [id]) => (await import('./commands/show-experiments.ts')).describeExperiment(invocation, idOf(id, 'experiment'))))
  withFilters(leaf(group.command('logs').argument('<id>')))
    .description("log of the experiment's trials")
    .action(run(async (invocation, [id], options) => (await import('./commands/show-logs.ts')).experimentLogs(invocation, idOf(id, 'experiment'), filtersOf(options))))
  leaf(group.command('wait').argument('<id>'))
    .description('wait for the end; exit 0 only for COMPLETED')
    .option('--timeout <seconds>', 'give up after so long')
    .action(run(async (invocation, [id], options) => (await import('./commands/wait-experiment.ts')).waitExperiment(invocation, idOf(id, 'experiment'), countOf(options['timeout'], '--timeout', 0))))
  for (const [verb, text] of VERBS) {
    leaf(group.command(verb).argument('<id...>'))
      .description(text)
      .action(run(async (invocation, ids) => (await import('./commands/steer-experiments.ts')).steerExperiments(invocation, verb, ids.map((id) => idOf(id, 'experiment')))))
  }
  addTrialCommands(program, run)
}

const VERBS = [
  ['pause', 'save and stop; activate goes on from there'],
  ['activate', 'start or go on'],
  ['cancel', 'save, stop and end'],
  ['kill', 'end at once, nothing is saved'],
] as const

function addTrialCommands(program: Command, run: Runner): void {
  const group = program.command('trial').alias('t').description('look at trials')
  leaf(group.command('describe').argument('<id>'))
    .description('one trial with its metrics')
    .action(run(async (invocation, [id]) => (await import('./commands/show-trial.ts')).describeTrial(invocation, idOf(id, 'trial'))))
  withFilters(leaf(group.command('logs').argument('<id>')))
    .description('log of the trial')
    .action(run(async (invocation, [id], options) => (await import('./commands/show-logs.ts')).trialLogs(invocation, idOf(id, 'trial'), filtersOf(options))))
}

function withFilters(command: Command): Command {
  return command
    .option('-f, --follow', 'go on with new lines to the end')
    .option('--tail <n>', 'only the last so many lines')
    .option('--head <n>', 'only the first so many lines')
    .option('--level <level...>', 'only these: critical error warning info debug trace')
    .option('--agent-id <id...>', 'only these agents')
    .option('--container-id <id...>', 'only these containers')
    .option('--rank-id <n...>', 'only these ranks')
    .option('--stdtype <name...>', 'only stdout or stderr')
    .option('--search <text>', 'only lines with this text')
    .option('--after <time>', 'only lines after this time (RFC 3339)')
    .option('--before <time>', 'only lines before this time (RFC 3339)')
}

function filtersOf(options: OptionValues): LogFilters {
  return {
    follow: options['follow'] === true,
    tail: options['tail'] === undefined ? null : countOf(options['tail'], '--tail', 0),
    head: options['head'] === undefined ? null : countOf(options['head'], '--head', 0),
    levels: listOption(options['level']),
    agentIds: listOption(options['agentId']),
    containerIds: listOption(options['containerId']),
    rankIds: listOption(options['rankId']).map((one) => countOf(one, '--rank-id', 0)),
    stdtypes: listOption(options['stdtype']),
    searchText: textOption(options['search']),
    after: textOption(options['after']),
    before: textOption(options['before']),
  }
}
