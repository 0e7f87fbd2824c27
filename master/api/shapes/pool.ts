import type { ApiSettings } from '../deps.ts'
import type { AgentRow } from '../../store/queries/agents.ts'
import type { PoolUse } from '../../store/queries/tasks.ts'

/** Determined's default for `max_aux_containers_per_agent`. */
const AUX_PER_AGENT = 100

/** Determined's ResourcePool, every required key; what this cluster does not have is empty or zero. */
export function poolShape(pool: ApiSettings['pools'][number], settings: ApiSettings, agents: readonly AgentRow[], use: PoolUse | undefined): Record<string, unknown> {
  const own = agents.filter((agent) => agent.pool === pool.name)
  const slots = own.flatMap((agent) => (agent.inventory?.slots ?? []).map((slot) => ({ kind: slot.kind, brand: slot.brand, isUsed: agent.members.some((member) => member.slot_ids.includes(slot.id)) })))
  return {
    name: pool.name, description: pool.description, type: 'RESOURCE_POOL_TYPE_STATIC', numAgents: own.length,
    slotsAvailable: slots.length, slotsUsed: slots.filter((slot) => slot.isUsed).length, slotType: slots.some((slot) => slot.kind !== 'cpu') ? 'TYPE_CUDA' : 'TYPE_CPU',
    auxContainerCapacity: AUX_PER_AGENT * own.length, auxContainerCapacityPerAgent: AUX_PER_AGENT, auxContainersRunning: use?.aux ?? 0,
    defaultComputePool: pool.name === settings.defaultComputePool, defaultAuxPool: pool.name === settings.defaultAuxPool,
    preemptible: true, minAgents: 0, maxAgents: 0, slotsPerAgent: Math.max(0, ...own.map((agent) => agent.inventory?.slots.length ?? 0)),
    schedulerType: 'SCHEDULER_TYPE_PRIORITY', schedulerFittingPolicy: 'FITTING_POLICY_BEST', location: 'on-prem', imageId: '', instanceType: '',
    masterUrl: '', masterCertName: '', startupScript: '', containerStartupScript: '', agentDockerNetwork: '', agentDockerRuntime: '', agentDockerImage: '', agentFluentImage: '',
    maxIdleAgentPeriod: 0, maxAgentStartingPeriod: 0, details: { aws: null, gcp: null, priorityScheduler: { preemption: false, defaultPriority: 42, k8Priorities: [] } },
    accelerator: slots.find((slot) => slot.kind !== 'cpu')?.brand ?? '', stats: { queuedCount: use?.queued ?? 0, scheduledCount: use?.scheduled ?? 0 },
    resourceManagerName: '', clusterName: settings.clusterName, resourceManagerMetadata: {},
  }
}
