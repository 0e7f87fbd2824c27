import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { buildTrainer, hasImage, trainerImage } from '../trainer/build.mjs'
import { buildAll } from './build-all.ts'
import { startCluster, type Cluster } from './cluster.ts'
import { SetupError } from './steps.mjs'

/** One start of the local cluster for a person: says each phase, how long it took, and what to do where one fails. */
export const STATE = join(resolve(import.meta.dirname, '../..'), '.drover')

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

export async function phase<T>(name: string, work: () => Promise<T>): Promise<T> {
  const from = performance.now()
  try {
    const result = await work()
    say(`  ${name}: ${((performance.now() - from) / 1000).toFixed(1)} s`)
    return result
  } catch (error) {
    say(`  ${name}: failed`)
    throw error
  }
}

export async function bringUp(): Promise<Cluster> {
  mkdirSync(STATE, { recursive: true })
  await phase('build', () => buildAll(() => undefined))
  say('starting the local cluster')
  const cluster = await startCluster({
    stateDir: STATE, phase,
    postgresHome: process.env['DROVER_LOCAL_POSTGRES'] ?? '', natsServer: process.env['DROVER_LOCAL_NATS'] ?? '', dockerHost: process.env['DROVER_LOCAL_ENGINE'] || null,
  })
  try {
    if (!hasImage(cluster.run.dockerHost, trainerImage())) await phase('trainer image (python3, numpy, Fashion-MNIST) from Debian packages, about a minute', async () => buildTrainer(cluster.run.dockerHost))
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

/** Runs `body` with a cluster and a signal that Ctrl-C aborts; whatever happens, the cluster is stopped. Exit code. */
export async function withCluster(body: (cluster: Cluster, signal: AbortSignal) => Promise<number>): Promise<number> {
  const stop = new AbortController()
  let hurry = 0
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if ((hurry += 1) === 1) say('\nstopping')
      stop.abort()
    })
  }
  let cluster: Cluster | null = null
  try {
    cluster = await bringUp()
    return stop.signal.aborted ? 130 : await body(cluster, stop.signal)
  } catch (error) {
    say(`\n${error instanceof Error ? error.message : String(error)}`)
    say(`What to do: ${error instanceof SetupError && error.cure ? error.cure : `look into ${STATE}/logs, then run the same command again`}`)
    return 1
  } finally {
    await cluster?.stop()
  }
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())))
}
