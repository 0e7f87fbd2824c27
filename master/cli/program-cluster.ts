import type { Command } from 'commander'
import { leaf, listOption } from './program-leaf.ts'
import type { Runner } from './program-leaf.ts'

export function addClusterCommands(program: Command, run: Runner): void {
  const agent = program.command('agent').alias('a').description('look at and steer agents')
  leaf(agent.command('list').alias('ls'))
    .description('agents with their slots')
    .action(run(async (invocation) => (await import('./commands/show-agents.ts')).listAgents(invocation)))
  leaf(agent.command('enable').argument('<id>'))
    .description('give it work again')
    .action(run(async (invocation, [id = '']) => (await import('./commands/show-agents.ts')).setAgent(invocation, id, true, false)))
  leaf(agent.command('disable').argument('<id>'))
    .description('give it no more work; its tasks are stopped')
    .option('--drain', 'let its tasks end by themselves')
    .action(run(async (invocation, [id = ''], options) => (await import('./commands/show-agents.ts')).setAgent(invocation, id, false, options['drain'] === true)))
  const slot = program.command('slot').alias('s').description('look at slots')
  leaf(slot.command('list').alias('ls'))
    .description('every slot and what runs on it')
    .action(run(async (invocation) => (await import('./commands/show-agents.ts')).listSlots(invocation)))

  leaf(program.command('preview-search').argument('<config>', 'YAML or JSON file'))
    .description('the trials of a search and how long they train, without a master')
    .action(run(async (invocation, [file = '']) => (await import('./commands/preview-search.ts')).previewSearch(invocation, file)))

  const config = program.command('config').description('work on configurations, without a master')
  leaf(config.command('check').argument('<file...>'))
    .description('check a configuration; later files lie under the first')
    .action(run(async (invocation, files) => (await import('./commands/check-config.ts')).checkConfig(invocation, files)))

  const graphql = program.command('graphql').description('ask what no other command shows')
  leaf(graphql.command('schema'))
    .description('what can be asked for')
    .action(run(async (invocation) => (await import('./commands/ask-graphql.ts')).printSchema(invocation)))
  leaf(graphql.command('query').argument('<file>', 'a query; - for standard input'))
    .description('ask, and print the answer as JSON')
    .option('-v, --variable <name=value...>', 'of the query; JSON or text')
    .action(run(async (invocation, [file = ''], options) => (await import('./commands/ask-graphql.ts')).askGraphql(invocation, file, listOption(options['variable']))))
}
