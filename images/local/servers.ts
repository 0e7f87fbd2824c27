import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildTrainer, type Recipe } from '../trainer/build.ts'
import { buildAll } from './build-all.ts'
import { startEngine } from './engine.ts'
import { openHerd, type Herd } from './herd.ts'
import { startPostgres } from './postgres.ts'
import { freePort, ready } from './processes.ts'
import { phase, say, status, stopSignal } from './session.ts'
import { SetupError, STATE, TOOLS } from './steps.mjs'

/** also for tests that start one of their own */
const MOTO = join(TOOLS, 'venv/bin/moto_server')

export type Env = Record<string, string | undefined>

/**
 * Real servers of our own for tests and benchmarks, and the variables by which they are found; all of it is stopped
 * when `body` ends, and nothing of its data is kept. Ends the process with the code that `body` gives.
 */
export async function runWithServers(name: string, body: (env: Env, signal: AbortSignal) => Promise<number>, images: readonly Recipe[] = ['trainer']): Promise<never> {
  const dir = join(STATE, name)
  const stop = stopSignal()
  try {
    process.exit(await withServers(dir, `${name}-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}`, stop, body, images))
  } catch (error) {
    if (stop.aborted) process.exit(130)
    say(`\n${error instanceof Error ? error.message : String(error)}`)
    say(`What to do: ${error instanceof SetupError ? error.cure : `look into ${join(dir, 'logs')}, then run the same command again`}`)
    process.exit(1)
  }
}

async function withServers(dir: string, tag: string, signal: AbortSignal, body: (env: Env, signal: AbortSignal) => Promise<number>, images: readonly Recipe[]): Promise<number> {
  const dataRoot = `/var/lib/drover-local/${tag}`
  const runDir = join('/run', `drover-${tag}`)
  const herd = await openHerd({ stateDir: dir, runDir, tag, agentId: tag })
  try {
    rmSync(dataRoot, { recursive: true, force: true })
    await phase('programs and page (dist/)', () => buildAll(signal))
    return await body(await startServers(herd, dir, dataRoot, runDir, images, signal), signal)
  } finally {
    await herd.stop()
    rmSync(dataRoot, { recursive: true, force: true })
  }
}

/** Every variable by which a test finds a real server. */
async function startServers(herd: Herd, dir: string, dataRoot: string, runDir: string, images: readonly Recipe[], signal: AbortSignal): Promise<Env> {
  const logFile = (name: string): string => join(dir, 'logs', `${name}.log`)
  const home = process.env['DROVER_LOCAL_POSTGRES'] ?? ''
  const docker = process.env['DROVER_LOCAL_ENGINE'] || (await phase('Docker Engine, in a network namespace of its own', () => startEngine(herd, { dataDir: join(dir, 'docker'), runDir, logFile: logFile('dockerd') }, signal)))
  herd.useEngine(docker, herd.child('dockerd'))
  const trainer = async (recipe: Recipe): Promise<string | undefined> => !images.includes(recipe) ? undefined : phase(`image drover/${recipe}`, () => buildTrainer({ recipe, dockerHost: docker, cacheDir: TOOLS, progress: (text) => status(`  drover/${recipe}: ${text}`), signal }))
  const image = await trainer('trainer')
  const torchImage = await trainer('trainer-torch')
  const database = await phase('Postgres', async () => startPostgres(herd, { home, dataRoot, logFile: logFile('postgres') }, await freePort(), signal))
  const aws = await phase('S3, EC2 and STS (moto)', () => startMoto(herd, logFile('moto'), signal))
  return {
    ...process.env,
    DROVER_TEST_DOCKER: docker, DROVER_TEST_IMAGE: image, DROVER_TEST_TORCH_IMAGE: torchImage, DROVER_TEST_PG: database, DROVER_TEST_PG_BIN: join(home, 'bin'), DROVER_TEST_AWS_ENDPOINT: aws, DROVER_TEST_MOTO: MOTO,
    DROVER_TEST_NATS_SERVER: process.env['DROVER_LOCAL_NATS'], DROVER_TEST_CHROMIUM: programPath('chromium'), DROVER_TEST_DETERMINED: publishedClient(), DROVER_TEST_SCHEMATHESIS: tool('fuzz/bin/schemathesis'), DROVER_TEST_AEMM: process.env['DROVER_TEST_AEMM'] ?? builtMock(),
    AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1', DOCKER_HOST: docker,
  }
}

async function startMoto(herd: Herd, logFile: string, signal: AbortSignal): Promise<string> {
  const port = await freePort()
  const child = herd.begin({ name: 'moto', command: MOTO, args: ['-H', '127.0.0.1', '-p', String(port)], env: process.env, logFile })
  await ready(child, 60_000, signal, async () => (await fetch(`http://127.0.0.1:${port}/moto-api/`)).ok)
  return `http://127.0.0.1:${port}`
}

/** The `bin` folder that the published `determined` package was installed into; undefined where it was not. */
function publishedClient(): string | undefined {
  const path = join(TOOLS, 'exam/bin')
  return existsSync(join(path, 'det')) ? path : undefined
}

/** Undefined where it was not installed. */
function tool(path: string): string | undefined {
  return existsSync(join(TOOLS, path)) ? join(TOOLS, path) : undefined
}

/** Undefined where there was no Go to build it with: its test then says that it is skipped. */
function builtMock(): string | undefined {
  const path = join(TOOLS, 'bin/ec2-metadata-mock')
  return existsSync(path) ? path : undefined
}

function programPath(name: string): string {
  return execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name], { encoding: 'utf8' }).trim()
}
