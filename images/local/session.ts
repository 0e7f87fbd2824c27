import { join } from 'node:path'
import { buildTrainer, hasTrainer, trainerImage } from '../trainer/build.ts'
import { buildAll } from './build-all.ts'
import { startCluster, type Cluster } from './cluster.ts'
import { SetupError, STATE, TOOLS } from './steps.mjs'

/** One start of the local cluster for a person: says each phase, how long it took, and what to do where one fails. */
// with --json the result alone goes to stdout
const out = process.argv.includes('--json') ? process.stderr : process.stdout
const live = out.isTTY === true
const CLEAR = '\r\u001b[2K'

/** A line for good; it takes the place of a status line. */
export function say(text: string): void {
  out.write(`${live ? CLEAR : ''}${text}\n`)
}

/** A line that the next one replaces; nothing where there is no terminal. */
export function status(text: string): void {
  if (live) out.write(`${CLEAR}${text.slice(0, (out.columns || 80) - 1)}`)
}

export async function phase<T>(name: string, work: () => Promise<T>): Promise<T> {
  const from = performance.now()
  const seconds = (): string => `${((performance.now() - from) / 1000).toFixed(1)} s`
  status(`  ${name} ...`)
  try {
    const result = await work()
    say(`  ${name}: ${seconds()}`)
    return result
  } catch (error) {
    say(`  ${name}: broken off after ${seconds()}`)
    throw error
  }
}

async function bringUp(signal: AbortSignal): Promise<Cluster> {
  await phase('programs and page (dist/)', () => buildAll(signal))
  signal.throwIfAborted()
  const cluster = await startCluster({
    stateDir: STATE, phase, say, signal,
    postgresHome: process.env['DROVER_LOCAL_POSTGRES'] ?? '', natsServer: process.env['DROVER_LOCAL_NATS'] ?? '', dockerHost: process.env['DROVER_LOCAL_ENGINE'] || null,
  })
  try {
    await trainer(cluster.run.dockerHost, signal)
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

async function trainer(dockerHost: string, signal: AbortSignal): Promise<void> {
  if (await hasTrainer(dockerHost, 'trainer')) return
  const name = `trainer image ${trainerImage('trainer')} (python3, numpy, Fashion-MNIST from Debian packages; a minute the first time)`
  await phase(name, () => buildTrainer({ recipe: 'trainer', dockerHost, cacheDir: TOOLS, progress: (text) => status(`  trainer image: ${text}`), signal }))
}

/** Runs `body` with a cluster and a signal that Ctrl-C aborts; whatever happens, the cluster is stopped. Gives the exit code. */
export async function withCluster(body: (cluster: Cluster, signal: AbortSignal) => Promise<number>): Promise<number> {
  const stop = stopSignal()
  let cluster: Cluster | null = null
  try {
    cluster = await bringUp(stop)
    return await body(cluster, stop)
  } catch (error) {
    if (stop.aborted) return 130
    say(`\n${error instanceof Error ? error.message : String(error)}`)
    say(`What to do: ${error instanceof SetupError ? error.cure : `look into ${join(STATE, 'logs')}, then run the same command again`}`)
    return 1
  } finally {
    await cluster?.stop()
  }
}

/** Aborted by Ctrl-C, by SIGTERM, or when the process that started us has gone. Asking again changes nothing: stopping is bounded. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController()
  const ask = (): void => {
    if (!stop.signal.aborted) say('stopping')
    stop.abort()
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, ask)
  process.once('disconnect', ask)
  return stop.signal
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  // a timer keeps the process alive: an abort listener alone would not
  const alive = setInterval(() => undefined, 1 << 30)
  return new Promise((resolve) => {
    const end = (): void => {
      clearInterval(alive)
      resolve()
    }
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
