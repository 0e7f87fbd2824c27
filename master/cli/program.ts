import { Command } from 'commander'
import { addDeployCommands } from '../deploy/program.ts'
import { addCheckpointCommands } from './program-checkpoint.ts'
import { addClusterCommands } from './program-cluster.ts'
import { addExperimentCommands } from './program-experiment.ts'
import { addHerdCommands } from './program-herd.ts'
import { leaf, runner } from './program-leaf.ts'

/** Of package.json; a test keeps them equal. */
export const VERSION = '0.1.0'

/**
 * The tree of commands. Only names and options are built here; each action imports its code when it runs, which
 * keeps `--help` fast.
 */
export function createProgram(signal: AbortSignal): Command {
  const program = leaf(new Command('drover'))
    .description('Drives herds of GPU machines: submit experiments, follow them, fetch their checkpoints.')
    .version(VERSION, '-V, --version')
    .enablePositionalOptions()
    .showHelpAfterError('(run with --help for the options)')
    .exitOverride()
    .helpCommand(false)
    .addHelpText('after', AFTER)
  const run = runner(signal)

  leaf(program.command('login').argument('[user]', 'user name').option('--password-stdin', 'read the password from standard input'))
    .description('log in and keep the session (user and password also from DROVER_USER, DROVER_PASS)')
    .action(run(async (invocation, [user], options) => (await import('./commands/session-commands.ts')).login(invocation, user, options['passwordStdin'] === true)))
  leaf(program.command('logout'))
    .description('end the session')
    .action(run(async (invocation) => (await import('./commands/session-commands.ts')).logout(invocation)))
  leaf(program.command('whoami'))
    .description('who is logged in')
    .action(run(async (invocation) => (await import('./commands/session-commands.ts')).whoami(invocation)))

  addExperimentCommands(program, run)
  addCheckpointCommands(program, run)
  addClusterCommands(program, run)
  addHerdCommands(program, run)
  addDeployCommands(program, run)
  return program
}

const AFTER = `
-m, -u and -o may stand before or after the command. The master is DROVER_MASTER, else DET_MASTER, else http://127.0.0.1:8080.
Exit codes: 0 ok, 1 failed, 2 usage, 3 not logged in or denied, 4 master unreachable.`
