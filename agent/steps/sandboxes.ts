import { readlink } from 'node:fs/promises'
import type { Server } from 'node:net'
import type { Log } from '../../protocol/kit/log.ts'
import type { Docker } from '../docker/door.ts'
import { isDockerError } from '../docker/errors.ts'
import { LABELS } from '../plan/container-spec.ts'

/** A running container that holds a network namespace on the bridge, for one run to join (D3). */
export interface Sandbox {
  id: string
  /** of its only process: the way into the namespace */
  pid: number
  /** on the bridge */
  address: string
  /** the gateway's port in it, bound already; null where that is still to do */
  listening: Server | null
  /** It bears its name: to be awaited before anything starts in it. Rejects where the name was another's: take again. */
  named: Promise<void>
}

export interface Sandboxes {
  /**
   * The sandbox of this name, running: there already, or the spare one, which is renamed while the caller goes on, or
   * made now. Idempotent: the name is the key, the caller's journal row the intent. What bears the name and does not
   * run is replaced.
   */
  take(name: string): Promise<Sandbox>
  /** The sandbox of this name where it runs; makes none. */
  find(name: string): Promise<Sandbox | null>
  remove(id: string, name: string): Promise<void>
  /** A launch has come to its end: whoever keeps a spare may make the next one. */
  onFree(listener: () => void): void
  free(): void
  /** The next life finds it by its name. */
  offer(spare: Sandbox): void
  /** Null where there is none that lives. */
  spare(): Promise<Sandbox | null>
}

export function createSandboxes(deps: { docker: Pick<Docker, 'makeSandbox' | 'rename' | 'inspect' | 'remove'>; agentId: string; log: Log }): Sandboxes {
  const { docker } = deps
  const taken = new Map<string, Sandbox>()
  /** names that a sandbox bears already: that one is it */
  const contested = new Set<string>()
  const listeners: (() => void)[] = []
  let kept: Sandbox | null = null

  const spare = async (): Promise<Sandbox | null> => {
    if (kept !== null && !(await isAlive(kept))) {
      deps.log.info({ id: kept.id }, 'the spare network sandbox is gone')
      kept.listening?.close()
      kept = null
    }
    return kept
  }
  const takeSpare = async (name: string): Promise<Sandbox | null> => {
    // at once: two starts must not take the same one
    const found = kept
    if (found === null || contested.has(name)) return null
    kept = null
    if (!(await isAlive(found))) return null
    const named = docker.rename(found.id, name).catch((error: unknown) => {
      taken.delete(name)
      contested.add(name)
      if (isDockerError(error, 'conflict')) kept ??= found
      throw error
    })
    // whoever took it awaits it; one whose step ended before is no fault of its own
    named.catch(() => undefined)
    return { ...found, named }
  }
  return {
    take: async (name) => {
      const known = taken.get(name)
      if (known !== undefined && (await isAlive(known))) return known
      const sandbox = (await takeSpare(name)) ?? (await findOrMake(docker, name, deps.agentId))
      taken.set(name, sandbox)
      return sandbox
    },
    find: async (name) => {
      const known = taken.get(name)
      return known !== undefined && (await isAlive(known)) ? known : findRunning(docker, name)
    },
    remove: async (id, name) => {
      // a socket that no gateway took over
      taken.get(name)?.listening?.close()
      taken.delete(name)
      contested.delete(name)
      await docker.remove(id)
    },
    onFree: (listener) => void listeners.push(listener),
    free: () => listeners.forEach((listener) => listener()),
    offer: (fresh) => void (kept = fresh),
    spare,
  }
}

/** By its name, and running; one that has ended or never started is removed first. Rejects with kind `conflict` where the name is a stranger's. */
export async function findOrMake(docker: Pick<Docker, 'makeSandbox' | 'inspect' | 'remove'>, name: string, agentId: string): Promise<Sandbox> {
  try {
    return await sandboxOf(docker, await docker.makeSandbox(name, 'bridge'))
  } catch (error) {
    if (!isDockerError(error, 'conflict')) throw error
    const found = await docker.inspect(name)
    if (found.labels[LABELS.sandbox] !== agentId) throw error
    if (found.pid > 0) return { id: found.id, pid: found.pid, address: found.address, listening: null, named: Promise.resolve() }
    await docker.remove(found.id)
    return await sandboxOf(docker, await docker.makeSandbox(name, 'bridge'))
  }
}

async function findRunning(docker: Pick<Docker, 'inspect'>, name: string): Promise<Sandbox | null> {
  try {
    const { id, pid, address } = await docker.inspect(name)
    return pid === 0 ? null : { id, pid, address, listening: null, named: Promise.resolve() }
  } catch (error) {
    if (isDockerError(error, 'missing')) return null
    throw error
  }
}

async function sandboxOf(docker: Pick<Docker, 'inspect'>, id: string): Promise<Sandbox> {
  const { pid, address } = await docker.inspect(id)
  return { id, pid, address, listening: null, named: Promise.resolve() }
}

/** Its process is there and is the one we knew: the kernel gives numbers out again, so the program is looked at too. */
async function isAlive(sandbox: Sandbox): Promise<boolean> {
  try {
    return (await readlink(`/proc/${sandbox.pid}/exe`)) === '/pause'
  } catch {
    return false // gone, or not ours to see
  }
}
