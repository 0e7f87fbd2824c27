// Set-up with plain Node 20, then on under node@24: `enter('demo')` starts images/local/demo.ts.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { engineAnswers, postgresHome, setup } from './setup.mjs'
import { onPath, REPO, SetupError, TOOLS } from './steps.mjs'

export async function enter(program, { tests = false, exam = false } = {}) {
  try {
    checkMachine()
    if (process.getuid() !== 0) return asRoot()
    await setup({ tests, exam, yes: process.argv.includes('-y') })
  } catch (error) {
    process.stderr.write(`\n${error.message}\nWhat to do: ${error.cure ?? 'look into .drover/setup.log, then run the same command again'}\n`)
    process.exit(1)
  }
  const node = join(REPO, 'node_modules/node/bin/node')
  const env = {
    ...process.env,
    PATH: `${join(REPO, 'node_modules/.bin')}:${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`,
    DROVER_LOCAL_ENGINE: (await engineAnswers()) ?? '',
    DROVER_LOCAL_POSTGRES: postgresHome(),
    DROVER_LOCAL_NATS: join(TOOLS, 'venv/bin/nats-server'),
  }
  // the channel closes when we go, however we go: then the child stops what it started
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(REPO, 'images/local', `${program}.ts`), ...process.argv.slice(2)], { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'], cwd: REPO })
  // we stay until the child has ended everything in order; a second signal changes nothing there
  let asked = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => (asked = child.kill('SIGTERM')))
  child.once('error', (error) => fail(`${node} did not start: ${error.message}`))
  child.once('exit', (code) => process.exit(code ?? (asked ? 130 : 1)))
}

function checkMachine() {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new SetupError(`the local cluster needs Linux on x64, this is ${process.platform} on ${process.arch}`, 'run it on a Debian 12 machine')
  if (Number(process.versions.node.split('.')[0]) < 20) throw new SetupError(`Node 20 or later is needed, this is ${process.version}`, 'install a newer Node, for example from nodejs.org')
  if (!onPath('npm')) throw new SetupError('there is no npm beside this Node', 'install npm')
}

/** Docker, network namespaces and packages need root: the whole command goes through sudo. */
function asRoot() {
  if (!onPath('sudo')) throw new SetupError('root is needed (Docker, packages) and there is no sudo', 'run the same command as root')
  process.stdout.write('root is needed (Docker, packages): going on through sudo\n')
  const { status } = spawnSync('sudo', ['-E', 'env', `PATH=${process.env.PATH}`, process.execPath, ...process.argv.slice(1)], { stdio: 'inherit' })
  process.exit(status ?? 1)
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
