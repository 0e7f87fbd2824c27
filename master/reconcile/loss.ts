import { decideBrake, type BrakeDecision } from './brake.ts'
import type { Brake, LossAgent, LossDecision, LossWorld } from './loss-world.ts'

/**
 * Who is lost. At once where EC2 says that the instance is gone; by silence only after `lostMs` in which this master
 * could have heard (its canary came back, it was up) and while the brake is off. Same world, same decisions (I9).
 */
export function decideLoss(world: LossWorld): LossDecision[] {
  const brake = decideBrake(world)
  const after = { ...world, brake: brakeAfter(world, brake) }
  const agents = [...world.agents].sort((a, b) => (a.id < b.id ? -1 : 1)).flatMap((agent) => decideAgent(after, agent) ?? [])
  return brake === null ? agents : [brake, ...agents]
}

function brakeAfter({ brake, now }: LossWorld, decision: BrakeDecision | null): Brake {
  if (decision === null) return brake
  if (decision.to === 'on') return { ...brake, on: decision.agents }
  return { on: null, off: decision.to === 'off' ? { at: now, byPerson: false } : null }
}

function decideAgent(world: LossWorld, agent: LossAgent): LossDecision | null {
  const { id, instance, live, lostAt } = agent
  if (instance?.state === 'GONE') {
    const gone = `its instance is gone, says EC2${instance.reason === '' ? '' : `: ${instance.reason}`}`
    if (live.length === 0) return { kind: 'retire-agent', agent: id, reason: gone }
    return lostAt === null ? { kind: 'lose', agent: id, reason: gone } : null
  }
  if (lostAt !== null || world.brake.on !== null) return null
  // never heard, or refused since its instance is ended: its silence is nobody's loss
  if (live.length === 0 && (agent.silentMs === null || instance?.state === 'TERMINATING')) return null
  if (countedSilence(world, agent) < world.lostMs) return null
  const silent = agent.silentMs === null ? 'it was never heard' : `it has been silent for ${Math.floor(agent.silentMs / 1000)} s`
  return { kind: 'lose', agent: id, reason: `${silent}, ${world.lostMs / 1000} s are allowed` }
}

/** Silence counts only while the master could hear; after a brake that nobody released it begins anew. */
function countedSilence({ now, canaryHealthyForMs, canaryLastWordMs, masterUpForMs, brake: { off } }: LossWorld, agent: LossAgent): number {
  const sinceBrake = off === null || off.byPerson ? Number.POSITIVE_INFINITY : now - off.at
  return Math.min(agent.silentMs ?? Number.POSITIVE_INFINITY, canaryHealthyForMs, masterUpForMs, sinceBrake) - canaryLastWordMs
}
