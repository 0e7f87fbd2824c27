import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient, type Client } from '../../master/cli/client.ts'
import { CliError } from '../../master/cli/fail.ts'
import { followExperiment } from '../../master/cli/follow-experiment.ts'
import { packContext } from '../../master/cli/pack-context.ts'
import { hasEnded, stateWord, type Experiment } from '../../master/cli/shapes.ts'
import { createTerminal } from '../../master/cli/terminal.ts'
import type { Run } from './cluster.ts'
import { logIn } from './programs.ts'
import { phase, say, untilAborted, withCluster } from './session.ts'
import { REPO, SetupError } from './steps.mjs'
import { summarise } from './summary.ts'

/** `npm run demo`: the local cluster, one real training run followed to its end, a summary. With `--once` it ends by itself. */
const EXAMPLE = join(REPO, 'images/examples/fashion-mnist')
const LABEL = 'demo'

async function demo(run: Run, signal: AbortSignal, once: boolean): Promise<number> {
  const client = createClient({ master: run.masterUrl, token: await logIn(run.masterUrl, run.user, run.password), signal })
  await endEarlierDemos(client)
  const id = await phase('submit images/examples/fashion-mnist', () => submit(client))
  const experiment = await follow(client, id, signal)
  await summarise(client, run, experiment)
  if (!once) {
    say('\nThe cluster runs on; stop it with Ctrl-C.')
    await untilAborted(signal)
  }
  return stateWord(experiment.state) === 'COMPLETED' ? 0 : 1
}

/** One that was interrupted would go on first and keep its slot. */
async function endEarlierDemos(client: Client): Promise<void> {
  const { experiments } = await client.get<{ experiments: Experiment[] }>('/api/v1/experiments', { limit: 200, sortBy: 'SORT_BY_ID', orderBy: 'ORDER_BY_DESC' })
  for (const one of experiments) {
    if (one.labels?.includes(LABEL) && !hasEnded(one.state)) await client.post(`/api/v1/experiments/${one.id}/kill`)
  }
}

async function submit(client: Client): Promise<number> {
  const config = `${readFileSync(join(EXAMPLE, 'config.yaml'), 'utf8')}\nlabels: [${LABEL}]\n`
  const { bytes } = await packContext(EXAMPLE)
  const { experiment } = await client.post<{ experiment: Experiment }>('/api/v1/experiments', { config, contextTgz: bytes.toString('base64'), activate: true })
  return experiment.id
}

/** Ctrl-C ends the run too: the cluster that carries it goes away. */
async function follow(client: Client, id: number, signal: AbortSignal): Promise<Experiment> {
  const terminal = createTerminal({ stdout: process.stdout, stderr: process.stderr, json: false, capable: process.env['TERM'] !== 'dumb', nowMs: () => performance.now() })
  try {
    const experiment = await followExperiment({ client, experimentId: id, out: terminal, signal })
    return await sealed(client, experiment, signal)
  } catch (error) {
    if (error instanceof CliError && !signal.aborted) throw new SetupError(error.message, error.cure)
    throw error
  } finally {
    terminal.close()
    if (signal.aborted) await killNow(client.master, client.token, id)
  }
}

/** The newest checkpoint's commit may follow the end by a moment. */
async function sealed(client: Client, experiment: Experiment, signal: AbortSignal): Promise<Experiment> {
  for (const end = performance.now() + 15_000; performance.now() < end; await sleep(200)) {
    const { checkpoints } = await client.get<{ checkpoints: { state: string }[] }>(`/api/v1/experiments/${experiment.id}/checkpoints`)
    if (!checkpoints.some(({ state }) => stateWord(state) === 'ACTIVE')) break
    signal.throwIfAborted()
  }
  return experiment
}

/** Best effort within 2 s, with a signal of its own: the client's is aborted. The next demo ends what this one could not. */
async function killNow(master: string, token: string | null, id: number): Promise<void> {
  const kill = fetch(`${master}/api/v1/experiments/${id}/kill`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, signal: AbortSignal.timeout(2_000) })
  await kill.catch((error: unknown) => say(`experiment ${id} could not be ended now: ${String(error)}`))
}

process.exit(await withCluster(({ run }, signal) => demo(run, signal, process.argv.includes('--once'))))
