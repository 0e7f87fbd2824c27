import { toJsonb } from './clean.ts'
import type { CommandResult } from './commands.ts'
import type { Db } from './db.ts'
import { addEvents } from './events.ts'

/** `drain` with `enabled: false`: what runs there goes on to its end, nothing new begins. */
export function setAgentEnabled(db: Db, agentId: string, enabled: boolean, drain: boolean, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    const draining = !enabled && drain
    const result = await tx.updateTable('agents').set({ enabled, draining }).where('id', '=', agentId).executeTakeFirst()
    if (result.numUpdatedRows === 0n) return { kind: 'not-found' }
    const verb = enabled ? 'enabled' : drain ? 'set to drain' : 'disabled'
    await addEvents(tx, [{ kind: 'agent-enabled', agentId, text: `agent ${agentId} was ${verb} by ${by}`, data: { enabled, draining } }])
    return { kind: 'done' }
  })
}

/** A disabled slot gets no new work. Without `drain` what holds it is stopped too, by the lifecycle loop, and goes again elsewhere. */
export function setSlotEnabled(db: Db, agentId: string, slotId: string, { enabled, drain }: { enabled: boolean; drain: boolean }, by: string): Promise<CommandResult> {
  return db.transaction().execute(async (tx): Promise<CommandResult> => {
    const row = await tx.selectFrom('agents').select(['inventory', 'disabled_slots', 'draining_slots']).where('id', '=', agentId).forUpdate().executeTakeFirst()
    if (!row?.inventory?.slots.some((slot) => slot.id === slotId)) return { kind: 'not-found' }
    const others = row.disabled_slots.filter((id) => id !== slotId)
    const disabled = enabled ? others : [...others, slotId].sort()
    const otherDraining = row.draining_slots.filter((id) => id !== slotId)
    const draining = !enabled && drain ? [...otherDraining, slotId].sort() : otherDraining
    await tx.updateTable('agents').set({ disabled_slots: toJsonb(disabled), draining_slots: toJsonb(draining) }).where('id', '=', agentId).execute()
    await addEvents(tx, [{ kind: 'slot-enabled', agentId, text: `slot ${slotId} of agent ${agentId} was ${enabled ? 'enabled' : drain ? 'set to drain' : 'disabled'} by ${by}`, data: { slotId, enabled } }])
    return { kind: 'done' }
  })
}
