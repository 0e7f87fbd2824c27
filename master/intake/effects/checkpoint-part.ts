import { sql } from 'kysely'
import type { AgentEvent } from '../../../protocol/wire/events.ts'
import type { AllocationFacts, EffectContext } from './context.ts'

/** One member's files of a checkpoint of its gang are in the bucket. With the last of them the checkpoints loop makes the union. */
export async function checkpointPart(context: EffectContext, facts: AllocationFacts, event: Extract<AgentEvent, { kind: 'checkpoint-part' }>): Promise<void> {
  const result = await sql`
    INSERT INTO checkpoint_parts (uuid, rank, list) SELECT c.uuid, ${facts.rank}, ${event.list} FROM checkpoints c
    WHERE c.uuid = ${event.uuid} AND c.allocation_id = ${facts.id} AND c.state = 'ACTIVE' AND c.parts IS NOT NULL ON CONFLICT DO NOTHING`.execute(context.tx)
  if (result.numAffectedRows === 1n) context.raise.add(context.agent)
  context.wakes.add('checkpoints')
}
