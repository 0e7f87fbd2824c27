import type { Instance, Reservation } from '@aws-sdk/client-ec2'
import type { CloudInstance } from './door.ts'
import { TAG_LAUNCH, TAG_POOL } from './run-input.ts'

const STATES: readonly CloudInstance['state'][] = ['pending', 'running', 'shutting-down', 'terminated', 'stopping', 'stopped']

/** What EC2 tells of instances; an entry without id or a known state is none. */
export function readInstances(reservations: readonly Reservation[] | undefined): CloudInstance[] {
  return (reservations ?? []).flatMap((reservation) => (reservation.Instances ?? []).flatMap(readInstance))
}

function readInstance(instance: Instance): CloudInstance[] {
  const id = instance.InstanceId
  const state = STATES.find((known) => known === instance.State?.Name)
  if (id === undefined || state === undefined) return []
  return [{
    id, state,
    launch: tagOf(instance, TAG_LAUNCH),
    pool: tagOf(instance, TAG_POOL),
    type: instance.InstanceType ?? '',
    zone: instance.Placement?.AvailabilityZone ?? '',
    market: instance.InstanceLifecycle === 'spot' ? 'spot' : 'on-demand',
    stateReason: instance.StateReason?.Message ?? instance.StateReason?.Code ?? '',
    launchedAt: instance.LaunchTime ?? new Date(0),
    privateIp: instance.PrivateIpAddress ?? null,
  }]
}

function tagOf(instance: Instance, key: string): string | null {
  return instance.Tags?.find((tag) => tag.Key === key)?.Value ?? null
}
