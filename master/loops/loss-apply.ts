import { sql } from 'kysely'
import { decideLoss } from '../reconcile/loss.ts'
import type { LossDecision } from '../reconcile/loss-world.ts'
import { forgetBrake, putBrakeOff, putBrakeOn } from '../store/brake.ts'
import { addEvents } from '../store/events.ts'
import { assertLeader, type Tx } from '../store/leader.ts'
import type { LoopDeps } from './deps.ts'
import { loadLossWorld, type Hearing } from './loss-load.ts'
import { loseAgent } from './lose-agent.ts'

/**
 * Carries out one decision in one transaction: takes the locks, decides again with what is there now, and goes on only
 * where the same is still to be done. False = the world moved on and nothing was written.
 */
export function applyLoss(deps: LoopDeps, epoch: number, hearing: Hearing, decision: LossDecision): Promise<boolean> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    switch (decision.kind) {
      case 'brake':
        return applyBrake(tx, hearing, decision)
      case 'lose':
        return loseAgent(tx, decision.agent, () => decidedAgain(tx, hearing, decision))
      case 'retire-agent':
        return retireAgent(tx, hearing, decision)
    }
  })
}

async function applyBrake(tx: Tx, hearing: Hearing, decision: Extract<LossDecision, { kind: 'brake' }>): Promise<boolean> {
  const again = (await loadAgain(tx, hearing)).find((one) => one.kind === 'brake')
  if (again?.to !== decision.to) return false
  if (again.to === 'on') await putBrakeOn(tx, again.agents, again.reason)
  else if (again.to === 'off') return putBrakeOff(tx, null, () => again.reason)
  else await forgetBrake(tx)
  return true
}

async function retireAgent(tx: Tx, hearing: Hearing, decision: Extract<LossDecision, { kind: 'retire-agent' }>): Promise<boolean> {
  // the lock that a placement takes: none comes between the look and the row
  await sql`SELECT 1 FROM agents WHERE id = ${decision.agent} FOR UPDATE`.execute(tx)
  const reason = await decidedAgain(tx, hearing, decision)
  if (reason === null) return false
  await tx.updateTable('agents').set({ retired_at: sql<Date>`now()` }).where('id', '=', decision.agent).execute()
  await tx.deleteFrom('tokens').where('agent_id', '=', decision.agent).execute()
  await addEvents(tx, [{ kind: 'agent-retired', agentId: decision.agent, instanceId: decision.agent, text: `agent ${decision.agent} is retired: ${reason}` }])
  return true
}

/** The reason it has now; null = it is decided no more. */
async function decidedAgain(tx: Tx, hearing: Hearing, decision: Exclude<LossDecision, { kind: 'brake' }>): Promise<string | null> {
  const again = (await loadAgain(tx, hearing)).find((one) => one.kind === decision.kind && one.agent === decision.agent)
  return again?.reason ?? null
}

async function loadAgain(tx: Tx, hearing: Hearing): Promise<LossDecision[]> {
  return decideLoss(await loadLossWorld(tx, hearing))
}
