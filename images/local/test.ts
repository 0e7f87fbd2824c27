import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildTrainer } from '../trainer/build.ts'
import { buildAll } from './build-all.ts'
import { startEngine } from './engine.ts'
import { openHerd, type Herd } from './herd.ts'
import { startPostgres } from './postgres.ts'
import { freePort, ready } from './processes.ts'
import { phase, say, status, stopSignal } from './session.ts'
import { REPO, SetupError, STATE, TOOLS } from './steps.mjs'

/** `npm test`: real servers of our own, then every tier of tests; exit 0 only when all passed. Arguments go to vitest. */
const DIR = join(STATE, 'test')
const TAG = `test-${createHash('sha256').update(DIR).digest('hex').slice(0, 8)}`
const RESULTS = join(STATE, 'results')
/** flow tests measure times of whole clusters: they run alone */
const TIERS = [['unit', 'servers'], ['flow']]

type Env = Record<string, string | undefined>

async function main(signal: AbortSignal): Promise<number> {
  // nothing of an earlier test stays: data of these servers is not kept
  const dataRoot = `/var/lib/drover-local/${TAG}`
  const runDir = join('/run', `drover-${TAG}`)
  const herd = await openHerd({ stateDir: DIR, runDir, tag: TAG, agentId: TAG })
  try {
    rmSync(dataRoot, { recursive: true, force: true })
    rmSync(RESULTS, { recursive: true, force: true })
    mkdirSync(RESULTS, { recursive: true })
    await phase('programs and page (dist/)', () => buildAll(signal))
    const env = await startServers(herd, dataRoot, runDir, signal)
    const filter = process.argv.slice(2).filter((argument) => argument !== '-y')
    let failed = 0
    for (const tier of TIERS) failed += (await vitest(tier, filter, env, signal)) === 0 ? 0 : 1
    return failed === 0 ? 0 : 1
  } finally {
    await herd.stop()
    rmSync(dataRoot, { recursive: true, force: true })
  }
}

/** Every variable by which a test finds a real server. */
async function startServers(herd: Herd, dataRoot: string, runDir: string, signal: AbortSignal): Promise<Env> {
  const logFile = (name: string): string => join(DIR, 'logs', `${name}.log`)
  const home = process.env['DROVER_LOCAL_POSTGRES'] ?? ''
  const docker = process.env['DROVER_LOCAL_ENGINE'] || (await phase('Docker Engine, in a network namespace of its own', () => startEngine(herd, { dataDir: join(DIR, 'docker'), runDir, logFile: logFile('dockerd') }, signal)))
  herd.useEngine(docker, herd.child('dockerd'))
  const image = await phase('trainer image', () => buildTrainer({ dockerHost: docker, cacheDir: TOOLS, progress: (text) => status(`  trainer image: ${text}`), signal }))
  const database = await phase('Postgres', async () => startPostgres(herd, { home, dataRoot, logFile: logFile('postgres') }, await freePort(), signal))
  const aws = await phase('S3, EC2 and STS (moto)', () => startMoto(herd, logFile('moto'), signal))
  return {
    ...process.env,
    DROVER_TEST_DOCKER: docker, DROVER_TEST_IMAGE: image, DROVER_TEST_PG: database, DROVER_TEST_PG_BIN: join(home, 'bin'), DROVER_TEST_AWS_ENDPOINT: aws,
    DROVER_TEST_NATS_SERVER: process.env['DROVER_LOCAL_NATS'], DROVER_TEST_CHROMIUM: programPath('chromium'),
    AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1', DOCKER_HOST: docker,
  }
}

async function startMoto(herd: Herd, logFile: string, signal: AbortSignal): Promise<string> {
  const port = await freePort()
  const child = herd.begin({ name: 'moto', command: join(TOOLS, 'venv/bin/moto_server'), args: ['-H', '127.0.0.1', '-p', String(port)], env: process.env, logFile })
  await ready(child, 60_000, signal, async () => (await fetch(`http://127.0.0.1:${port}/moto-api/`)).ok)
  return `http://127.0.0.1:${port}`
}

function programPath(name: string): string {
  return execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' }).trim()
}

/** Gives vitest's exit code; its JSON report goes to .drover/results. */
function vitest(tier: string[], filter: string[], env: Env, signal: AbortSignal): Promise<number> {
  const name = tier.join('-')
  say(`\n--- ${tier.join(' and ')}`)
  const args = ['run', ...tier.flatMap((project) => ['--project', project]), '--reporter=default', '--reporter=json', `--outputFile.json=${join(RESULTS, `${name}.json`)}`, ...(filter.length > 0 ? ['--passWithNoTests'] : []), ...filter]
  const child = spawn(process.execPath, [join(REPO, 'node_modules/vitest/vitest.mjs'), ...args], { env, cwd: REPO, stdio: ['ignore', 'inherit', 'inherit'] })
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

const stop = stopSignal()
try {
  process.exit(await main(stop))
} catch (error) {
  if (stop.aborted) process.exit(130)
  say(`\n${error instanceof Error ? error.message : String(error)}`)
  say(`What to do: ${error instanceof SetupError ? error.cure : `look into ${join(DIR, 'logs')}, then run the same command again`}`)
  process.exit(1)
}
