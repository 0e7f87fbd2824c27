import { sql } from 'kysely'
import type { Slot } from '../../protocol/wire/heartbeat.ts'
import type { PlacedMember } from '../schedule/world.ts'
import type { Tx } from '../store/leader.ts'
import { SUSPECT_SECONDS } from './schedule-load.ts'

type SlotKind = Slot['kind']

/** The agents of some placements, under their row locks: two placements on one agent go one after the other. */
export interface Places {
  /** Takes the slots of all members, or none: false where an agent is not open any more or a slot is not free (I1). */
  take(members: readonly PlacedMember[], pool: string): boolean
  kinds(member: PlacedMember): SlotKind[]
}

interface AgentPlace {
  pool: string
  open: boolean
  /** enabled and not in a live allocation */
  free: Map<string, SlotKind>
  kinds: Map<string, SlotKind>
}

export async function lockPlaces(tx: Tx, members: readonly PlacedMember[]): Promise<Places> {
  const ids = [...new Set(members.map((member) => member.agent))].sort()
  const { rows } = await sql<{ id: string; pool: string; open: boolean }>`
    SELECT id, pool, enabled AND NOT draining AND retired_at IS NULL AND retiring IS NULL AND notice IS NULL AND lost_at IS NULL
      AND coalesce(seen_at >= clock_timestamp() - make_interval(secs => ${SUSPECT_SECONDS}), false) AS open
    FROM agents WHERE id = ANY(${ids}::text[]) ORDER BY id FOR UPDATE`.execute(tx)
  const agents = new Map<string, AgentPlace>(rows.map((row) => [row.id, { pool: row.pool, open: row.open, free: new Map(), kinds: new Map() }]))
  for (const slot of await slotsAsked(tx, members)) {
    agents.get(slot.agent)?.kinds.set(slot.id, slot.kind)
    if (!slot.busy) agents.get(slot.agent)?.free.set(slot.id, slot.kind)
  }
  return {
    take(asked, pool) {
      const fits = asked.every(({ agent, slots }) => {
        const place = agents.get(agent)
        return place?.open === true && place.pool === pool && slots.every((slot) => place.free.has(slot))
      })
      if (fits) for (const { agent, slots } of asked) slots.forEach((slot) => agents.get(agent)?.free.delete(slot))
      return fits
    },
    kinds: (member) => member.slots.flatMap((slot) => agents.get(member.agent)?.kinds.get(slot) ?? []),
  }
}

/** The enabled slots that are asked for. A statement of its own: its snapshot is newer than the locks. */
async function slotsAsked(tx: Tx, members: readonly PlacedMember[]): Promise<{ agent: string; id: string; kind: SlotKind; busy: boolean }[]> {
  const asked = members.flatMap((member) => member.slots.map((slot) => ({ agent: member.agent, slot })))
  if (asked.length === 0) return []
  const { rows } = await sql<{ agent: string; id: string; kind: SlotKind; busy: boolean }>`
    WITH asked AS (SELECT DISTINCT * FROM unnest(${asked.map((one) => one.agent)}::text[], ${asked.map((one) => one.slot)}::text[]) AS q (agent, slot)),
    busy AS (
      SELECT m.agent_id AS agent, s.slot FROM allocation_members m JOIN allocations a ON a.id = m.allocation_id CROSS JOIN LATERAL jsonb_array_elements_text(m.slot_ids) AS s (slot)
      WHERE m.agent_id IN (SELECT agent FROM asked) AND m.state NOT IN ('DRAINING', 'SEALED') AND a.state NOT IN ('PENDING', 'DRAINING', 'SEALED')
    )
    SELECT q.agent, q.slot AS id, i.slot->>'kind' AS kind, EXISTS (SELECT 1 FROM busy b WHERE b.agent = q.agent AND b.slot = q.slot) AS busy
    FROM asked q JOIN agents g ON g.id = q.agent AND NOT g.disabled_slots ? q.slot
    CROSS JOIN LATERAL (SELECT slot FROM jsonb_array_elements(g.inventory->'slots') AS i (slot) WHERE i.slot->>'id' = q.slot LIMIT 1) i`.execute(tx)
  return rows
}
