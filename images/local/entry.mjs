// Set-up, then on under node@24: `run('demo')` starts images/local/demo.ts.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { engineAnswers, postgresHome, setup } from './setup.mjs'
import { REPO, SetupError, TOOLS } from './steps.mjs'

export async function enter(program, { tests = false } = {}) {
  try {
    if (process.platform !== 'linux' || process.arch !== 'x64') throw new SetupError(`the local cluster needs Linux on x64, this is ${process.platform} on ${process.arch}`, 'run it on a Debian 12 machine')
    await setup({ tests, yes: process.argv.includes('-y') })
  } catch (error) {
    process.stderr.write(`\n${error.message}\n${error.cure ? `What to do: ${error.cure}\n` : ''}`)
    process.exit(1)
  }
  const node = join(REPO, 'node_modules/node/bin/node')
  const env = {
    ...process.env,
    PATH: `${join(REPO, 'node_modules/.bin')}:${process.env.PATH}:/usr/sbin:/sbin`,
    DROVER_LOCAL_ENGINE: (await engineAnswers()) ?? '',
    DROVER_LOCAL_POSTGRES: postgresHome(),
    DROVER_LOCAL_NATS: join(TOOLS, 'venv/bin/nats-server'),
  }
  const child = spawn(node, ['--import', 'tsx', '--disable-warning=ExperimentalWarning', join(REPO, 'images/local', `${program}.ts`), ...process.argv.slice(2)], { env, stdio: 'inherit', cwd: REPO })
  // the child ends the cluster in order; we only wait for it
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => signal !== 'SIGINT' && child.kill(signal))
  child.once('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
}
