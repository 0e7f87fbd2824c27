import type { ApiSettings, Provider } from '../deps.ts'
import type { AgentRow } from '../../store/queries/agents.ts'
import type { PoolUse } from '../../store/queries/tasks.ts'

/** Determined's default for `max_aux_containers_per_agent`. */
const AUX_PER_AGENT = 100

/** Determined's ResourcePool, every required key; what this cluster does not have is empty or zero. */
export function poolShape(pool: ApiSettings['pools'][number], settings: ApiSettings, agents: readonly AgentRow[], use: PoolUse | undefined): Record<string, unknown> {
  const policy = pool.provider?.policy
  const own = agents.filter((agent) => agent.pool === pool.name)
  const slots = own.flatMap((agent) => (agent.inventory?.slots ?? []).map((slot) => ({ kind: slot.kind, brand: slot.brand, isUsed: agent.members.some((member) => member.slot_ids.includes(slot.id)) })))
  return {
    name: pool.name, description: pool.description, type: pool.provider ? 'RESOURCE_POOL_TYPE_AWS' : 'RESOURCE_POOL_TYPE_STATIC', numAgents: own.length,
    slotsAvailable: slots.length, slotsUsed: slots.filter((slot) => slot.isUsed).length, slotType: slots.some((slot) => slot.kind !== 'cpu') || (policy && !policy.cpuSlotsAllowed) ? 'TYPE_CUDA' : 'TYPE_CPU',
    auxContainerCapacity: AUX_PER_AGENT * own.length, auxContainerCapacityPerAgent: AUX_PER_AGENT, auxContainersRunning: use?.aux ?? 0,
    defaultComputePool: pool.name === settings.defaultComputePool, defaultAuxPool: pool.name === settings.defaultAuxPool,
    preemptible: true, minAgents: policy?.minInstances ?? 0, maxAgents: policy?.maxInstances ?? 0, slotsPerAgent: Math.max(policy?.instanceSlots ?? 0, ...own.map((agent) => agent.inventory?.slots.length ?? 0)),
    schedulerType: 'SCHEDULER_TYPE_PRIORITY', schedulerFittingPolicy: 'FITTING_POLICY_BEST', location: policy?.region ?? 'on-prem', imageId: pool.provider?.settings.imageId ?? '', instanceType: policy?.instanceTypes.join(', ') ?? '',
    masterUrl: '', masterCertName: '', startupScript: '', containerStartupScript: '', agentDockerNetwork: '', agentDockerRuntime: '', agentDockerImage: '', agentFluentImage: '',
    maxIdleAgentPeriod: (policy?.maxIdleMs ?? 0) / 1000, maxAgentStartingPeriod: (policy?.maxStartingMs ?? 0) / 1000, details: { aws: pool.provider ? awsDetail(pool.provider) : null, gcp: null, priorityScheduler: { preemption: false, defaultPriority: 42, k8Priorities: [] } },
    accelerator: slots.find((slot) => slot.kind !== 'cpu')?.brand ?? '', stats: { queuedCount: use?.queued ?? 0, scheduledCount: use?.scheduled ?? 0 },
    resourceManagerName: '', clusterName: settings.clusterName, resourceManagerMetadata: {},
  }
}

/** Determined's ResourcePoolAwsDetail, every required key. */
function awsDetail({ policy, subnets, settings }: Provider): Record<string, unknown> {
  return {
    region: policy.region, instanceType: policy.instanceTypes.join(', '), imageId: settings.imageId, instanceName: settings.instanceName, rootVolumeSize: settings.rootVolumeGib, publicIp: settings.publicIp,
    sshKeyName: settings.keyName ?? '', subnetId: subnets.join(', '), securityGroupId: settings.securityGroups.join(', '), iamInstanceProfileArn: settings.instanceProfile ?? '',
    spotEnabled: policy.market !== 'on-demand', spotMaxPrice: policy.spotMaxPrice === null ? '' : String(policy.spotMaxPrice), tagKey: '', tagValue: '', logGroup: '', logStream: '',
    customTags: settings.tags.map(({ key, value }) => ({ key, value })),
  }
}
