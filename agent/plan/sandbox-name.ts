import { containerName } from './container-name.ts'

/**
 * A network sandbox is a tiny container that holds a network namespace: a run joins it, so that its own start need not
 * wait for one (D3). Names are the idempotency keys; none of them is the name of a run.
 */
export type SandboxNetwork = 'bridge' | 'host'

/** The sandbox that a member of an allocation has taken. */
export function sandboxName(spec: Parameters<typeof containerName>[0]): string {
  return sandboxNameOf(containerName(spec))
}

/** By the name of the run's container, where no spec is at hand. */
export function sandboxNameOf(container: string): string {
  return `${container}.net`
}

/** The one that is ready for the next run. */
export function spareName(agentId: string, clusterId: string): string {
  return `drover-${agentId}.${clusterId.slice(0, 8)}.net-spare`
}

/** Lives for a moment, to learn whether the engine's host network is the agent's own. */
export function probeName(agentId: string, clusterId: string): string {
  return `drover-${agentId}.${clusterId.slice(0, 8)}.net-probe`
}
