import type { Command } from 'commander'
import { leaf, type Runner } from '../cli/program-leaf.ts'

/** `drover deploy aws ...`: speaks to AWS, not to a master. */
export function addDeployCommands(program: Command, run: Runner): void {
  const aws = program.command('deploy').description('install Drover').command('aws').description('an installation on AWS: one CloudFormation stack')
  configured(leaf(aws.command('up')))
    .description('make the installation, or change it to what the configuration says')
    .option('-y, --yes', 'do not ask')
    .action(run(async (invocation, _, options) => (await import('./commands/up.ts')).up(invocation, options)))
  configured(leaf(aws.command('plan')))
    .description('what up would make, change, replace and delete, and what it costs a month')
    .action(run(async (invocation, _, options) => (await import('./commands/plan.ts')).plan(invocation, options)))
  configured(leaf(aws.command('print-template')))
    .description('the CloudFormation template, without asking AWS')
    .action(run(async (invocation, _, options) => (await import('./commands/look.ts')).printTemplate(invocation, options)))
  placed(leaf(aws.command('status')))
    .description('how an installation stands: stack, machines, what failed')
    .action(run(async (invocation, _, options) => (await import('./commands/look.ts')).status(invocation, options)))
  placed(leaf(aws.command('list').alias('ls')))
    .description('installations of a region')
    .action(run(async (invocation, _, options) => (await import('./commands/look.ts')).list(invocation, options)))
  placed(leaf(aws.command('down')))
    .description('take the installation away; checkpoints stay')
    .option('-y, --yes', 'do not ask')
    .option('--delete-checkpoints', 'delete the bucket that the stack made, with every checkpoint')
    .action(run(async (invocation, _, options) => (await import('./commands/down.ts')).down(invocation, options)))
}

function placed(command: Command): Command {
  return command
    .option('-c, --config <file>', 'deploy.yaml')
    .option('--name <name>', 'of the installation (drover)')
    .option('--region <region>', 'of AWS (AWS_REGION)')
}

function configured(command: Command): Command {
  return placed(command)
    .option('--allow <cidr...>', 'who may reach API and WebUI, such as 203.0.113.7/32')
    .option('--my-address', 'the address that this machine is seen with')
    .option('--agent-image <image>', 'ami-... or ssm:/parameter')
}
