import type { Slot } from '../../../protocol/wire/heartbeat.ts'
import type { ApiAgent, ApiSlot } from '../../../protocol/wire/api.ts'
import type { AgentMember, AgentRow } from '../../store/queries/agents.ts'
import { containerState } from './states.ts'

/** Silent for longer than this = SUSPECT (seconds). LOST is a decision of the master: see `agents.lost_at`. */
const SUSPECT_SECONDS = 30

type Container = ApiAgent['containers'][string]
type DeviceStats = ApiAgent['slotStats']['typeStats'][string]

export function agentShape(row: AgentRow): ApiAgent {
  const slots = row.inventory?.slots ?? []
  const shown = slots.map((slot) => slotShape(row, slot))
  return {
    id: row.id,
    registeredTime: row.enrolled_at.toISOString(),
    version: row.version,
    enabled: row.enabled,
    draining: row.draining,
    addresses: row.private_ip === null ? [] : [row.private_ip],
    resourcePools: [row.pool],
    slots: Object.fromEntries(shown.map((slot) => [slot.id, slot])),
    containers: Object.fromEntries(row.members.map((member) => [memberContainerId(member), containerShape(row, member)])),
    slotStats: { typeStats: statsBy(shown, (slot) => slot.device.type), brandStats: statsBy(shown, (slot) => slot.device.brand) },
    drover: {
      status: agentStatus(row.silent_seconds, row.lost_at),
      seenAt: row.seen_at?.toISOString() ?? null,
      hostname: row.hostname,
      cpus: row.inventory?.cpus ?? 0,
      memoryMib: row.inventory?.memoryMib ?? 0,
      diskFreeMib: row.inventory?.diskFreeMib ?? 0,
      docker: row.inventory?.docker ?? '',
      driver: row.inventory?.driver ?? null,
      instanceId: row.inventory?.instanceId ?? null,
      instanceType: row.inventory?.instanceType ?? null,
      zone: row.zone,
      market: row.market,
      outbox: row.outbox,
      notice: row.notice,
      retiring: row.retiring,
      lostAt: row.lost_at?.toISOString() ?? null,
    },
  }
}

/** Until the agent reports its container, the member itself stands for it: the slot is taken already. */
export function memberContainerId(member: { allocation_id?: string; rank: number; container_id: string | null }, allocationId = member.allocation_id ?? ''): string {
  return member.container_id ?? `${allocationId}.r${member.rank}`
}

function slotShape(row: AgentRow, slot: Slot): ApiSlot {
  const member = row.members.find((m) => m.slot_ids.includes(slot.id))
  return {
    id: slot.id,
    device: deviceOf(slot),
    enabled: row.enabled && !row.disabled_slots.includes(slot.id),
    draining: row.draining || row.draining_slots.includes(slot.id),
    container: member ? containerShape(row, member) : null,
    drover: { index: slot.index, memoryMib: slot.memoryMib },
  }
}

function containerShape(row: AgentRow, member: AgentMember): Container {
  const devices = (row.inventory?.slots ?? []).filter((slot) => member.slot_ids.includes(slot.id)).map(deviceOf)
  return {
    id: memberContainerId(member), parent: member.allocation_id, state: containerState(member.state), devices, permissionDenied: false,
    drover: { allocationId: member.allocation_id, experimentId: member.experiment_id, trialId: member.trial_id },
  }
}

export function deviceOf(slot: Slot): ApiSlot['device'] {
  return { id: slot.index, brand: slot.brand, uuid: slot.uuid, type: slot.kind === 'cpu' ? 'TYPE_CPU' : 'TYPE_CUDA' }
}

function statsBy(slots: readonly ApiSlot[], key: (slot: ApiSlot) => string): Record<string, DeviceStats> {
  const stats = new Map<string, DeviceStats>()
  for (const slot of slots) {
    const name = key(slot)
    const entry = stats.get(name) ?? { total: 0, disabled: 0, draining: 0, states: {} }
    entry.total += 1
    if (!slot.enabled) entry.disabled += 1
    if (slot.draining) entry.draining += 1
    if (slot.container) entry.states[slot.container.state] = (entry.states[slot.container.state] ?? 0) + 1
    stats.set(name, entry)
  }
  return Object.fromEntries(stats)
}

export function agentStatus(silentSeconds: number | null, lostAt: Date | null): ApiAgent['drover']['status'] {
  if (lostAt !== null) return 'lost'
  if (silentSeconds === null) return 'new'
  return silentSeconds > SUSPECT_SECONDS ? 'suspect' : 'ok'
}
