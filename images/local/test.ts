import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { buildAll } from './build-all.ts'
import { startEngine } from './engine.ts'
import { startPostgres } from './postgres.ts'
import { freePort, ready, startChild, type Child } from './processes.ts'
import { buildTrainer } from '../trainer/build.mjs'

/** `npm test`: real servers of our own, then every tier of tests; exits with vitest's code. */
const repo = resolve(import.meta.dirname, '../..')
const stateDir = join(repo, '.drover')
const home = process.env['DROVER_LOCAL_POSTGRES'] ?? ''
const children: Child[] = []
const say = (text: string): void => void process.stdout.write(`${text}\n`)

async function main(): Promise<number> {
  const runDir = join('/run', `drover-test-${process.pid}`)
  mkdirSync(runDir, { recursive: true })
  mkdirSync(join(stateDir, 'logs'), { recursive: true })
  try {
    await buildAll(say)
    const env: NodeJS.ProcessEnv = { ...process.env }
    const engineHost = process.env['DROVER_LOCAL_ENGINE'] || null
    if (engineHost) env['DROVER_TEST_DOCKER'] = engineHost
    else {
      const engine = await startEngine(stateDir, runDir)
      children.push(engine.child)
      env['DROVER_TEST_DOCKER'] = engine.host
    }
    say(`Docker Engine: ${env['DROVER_TEST_DOCKER']}`)
    env['DROVER_TEST_IMAGE'] = await buildTrainer(env['DROVER_TEST_DOCKER'] ?? '')
    const dataRoot = `/var/lib/drover-local/test-${process.pid}`
    const postgres = await startPostgres(home, dataRoot, stateDir)
    children.push(postgres.child)
    env['DROVER_TEST_PG'] = postgres.url
    env['DROVER_TEST_PG_BIN'] = join(home, 'bin')
    env['DROVER_TEST_NATS_SERVER'] = process.env['DROVER_LOCAL_NATS']
    env['DROVER_TEST_AWS_ENDPOINT'] = await startMoto()
    Object.assign(env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' })
    for (const tier of [['unit', 'servers'], ['flow']]) {
      const done = spawnSync(process.execPath, [join(repo, 'node_modules/vitest/vitest.mjs'), 'run', ...tier.flatMap((name) => ['--project', name]), ...reporters(tier.join('-')), ...process.argv.slice(2).filter((arg) => arg !== '-y')], { env, stdio: 'inherit', cwd: repo })
      if (done.status !== 0) process.exitCode = 1
    }
    await postgres.child.stop()
    rmSync(dataRoot, { recursive: true, force: true })
    return Number(process.exitCode ?? 0)
  } finally {
    for (const child of children.toReversed()) await child.stop()
    rmSync(runDir, { recursive: true, force: true })
  }
}

function reporters(name: string): string[] {
  return ['--reporter=default', '--reporter=json', `--outputFile.json=${join(stateDir, `results-${name}.json`)}`]
}

async function startMoto(): Promise<string> {
  const port = await freePort()
  const logFile = join(stateDir, 'logs/moto.log')
  const child = startChild({ name: 'moto', command: join(stateDir, 'tools/venv/bin/moto_server'), args: ['-H', '127.0.0.1', '-p', String(port)], env: process.env, logFile })
  children.push(child)
  await ready(child, logFile, 30_000, async () => (await fetch(`http://127.0.0.1:${port}/moto-api/`)).ok)
  return `http://127.0.0.1:${port}`
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void Promise.all(children.map((child) => child.stop())).then(() => process.exit(130))
  })
}
process.exitCode = await main()
