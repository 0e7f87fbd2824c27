import type { Server } from 'node:net'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { Docker } from '../docker/door.ts'
import { spareName } from '../plan/sandbox-name.ts'
import { findOrMake, type Sandboxes } from '../steps/sandboxes.ts'

export interface SpareDeps {
  docker: Pick<Docker, 'makeSandbox' | 'inspect' | 'remove'>
  sandboxes: Sandboxes
  /** binds the gateway's port in the network namespace of a process */
  listen: (pid: number) => Promise<Server>
  agentId: string
  clusterId: string
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

const SWEEP_MS = 60_000
const REMOVAL_MS = 5_000

/**
 * Keeps one network sandbox ready (D3). Made at the start, and again when a launch has come to its end, so that it never
 * competes with one; by its name the next life finds what a kill -9 left.
 */
export function startSpareSandbox(deps: SpareDeps): Loop {
  const { docker, sandboxes, log } = deps
  const loop = startLoop({
    name: 'spare sandbox', sweepMs: SWEEP_MS, capMs: SWEEP_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log,
    pass: async () => {
      if ((await sandboxes.spare()) !== null) return
      const made = await findOrMake(docker, spareName(deps.agentId, deps.clusterId), deps.agentId)
      sandboxes.offer({ ...made, listening: await bound(made.pid) })
    },
  })
  sandboxes.onFree(() => loop.wake())
  return loop

  /** Without it the run's own start binds the port, a little later. */
  async function bound(pid: number): Promise<Server | null> {
    try {
      return await deps.listen(pid)
    } catch (error) {
      log.info({ err: error }, 'the gateway port of the spare network sandbox could not be bound ahead')
      return null
    }
  }
}

/** At a clean stop nothing of ours stays behind but runs. An engine that does not answer keeps it, and the next life finds it. */
export async function removeSpare({ docker, sandboxes, clock, log }: Pick<SpareDeps, 'docker' | 'sandboxes' | 'clock' | 'log'>): Promise<void> {
  const left = await sandboxes.spare()
  if (left === null) return
  left.listening?.close()
  const removed = docker.remove(left.id).catch((error: unknown) => log.warn({ err: error }, 'the spare network sandbox could not be removed'))
  const waited = new AbortController()
  await Promise.race([removed, clock.sleep(REMOVAL_MS, waited.signal)])
  waited.abort()
}
