import { readlink } from 'node:fs/promises'
import type { AgentConfig } from '../config.ts'
import type { Docker } from '../docker/door.ts'
import { isDockerError } from '../docker/errors.ts'
import { addressTowards, freePort, interfaceOf } from '../host/network.ts'
import { probeName } from '../plan/sandbox-name.ts'

/** What a member of a gang needs to know of its host. */
export interface Places {
  /** `host` where the engine's host network is the agent's own: then other machines reach a run at the host's address */
  network(): Promise<'host' | 'bridge'>
  /** of this host, on the way to the master, and the interface that has it */
  hostAddress(): Promise<{ address: string; interface?: string }>
  freePort(given: ReadonlySet<number>, count?: number): Promise<number>
}

interface PlacesDeps {
  config: Pick<AgentConfig, 'masterUrl' | 'gangNetwork' | 'advertiseAddress'>
  docker: Pick<Docker, 'makeSandbox' | 'inspect' | 'remove'>
  agentId: string
  clusterId: string
  random: () => number
}

export function createPlaces(deps: PlacesDeps): Places {
  let known: 'host' | 'bridge' | null = deps.config.gangNetwork
  return {
    network: async () => (known ??= (await sharesOurNetwork(deps)) ? 'host' : 'bridge'),
    async hostAddress() {
      const address = deps.config.advertiseAddress ?? (await addressTowards(deps.config.masterUrl))
      const name = interfaceOf(address)
      return name === undefined ? { address } : { address, interface: name }
    },
    freePort: (given, count) => freePort(given, deps.random, count),
  }
}

/** Asked of the kernel: the network namespace of a process that Docker gives the host's network, beside our own. */
async function sharesOurNetwork({ docker, agentId, clusterId }: PlacesDeps): Promise<boolean> {
  const name = probeName(agentId, clusterId)
  const make = (): Promise<string> => docker.makeSandbox(name, 'host')
  let id: string
  try {
    id = await make()
  } catch (error) {
    if (!isDockerError(error, 'conflict')) throw error
    await docker.remove(name)
    id = await make()
  }
  try {
    const { pid } = await docker.inspect(id)
    const [theirs, ours] = await Promise.all([namespaceOf(String(pid)), namespaceOf('self')])
    return theirs !== null && theirs === ours
  } finally {
    await docker.remove(id)
  }
}

/** Null where it cannot be seen: the engine's processes are then not in our view, and neither is its network. */
async function namespaceOf(pid: string): Promise<string | null> {
  try {
    return await readlink(`/proc/${pid}/ns/net`)
  } catch {
    return null
  }
}
