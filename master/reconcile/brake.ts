import type { LossAgent, LossDecision, LossWorld } from './loss-world.ts'

export type BrakeDecision = Extract<LossDecision, { kind: 'brake' }>

/** Silent for so long an agent counts as fallen silent; half of `lostMs` where that is shorter. */
const SUSPECT_MS = 30_000
const TOGETHER_MS = 60_000
const AGENTS_MIN = 3

/**
 * When many agents fall silent at once the fault is ours (NATS, DNS, a certificate, a security group), not theirs: the
 * brake goes on, and off when half of them are back. Null = it stays as it is.
 */
export function decideBrake(world: LossWorld): BrakeDecision | null {
  const { on, off } = world.brake
  const fleet = world.agents.filter(isOfFleet)
  if (on !== null) return release(world, fleet.filter((agent) => on.includes(agent.id)))
  const together = fellTogether(world, fleet)
  if (together.length > 0) {
    return {
      kind: 'brake', to: 'on', agents: together,
      reason: `${together.length} of ${fleet.length} agents fell silent within ${TOGETHER_MS / 1000} s of each other: nobody is declared lost and no instance is ended until half of them are back; look at NATS, DNS, certificates and security groups, and release the brake if the agents are really gone`,
    }
  }
  if (off === null || fleet.some((agent) => isSilent(world, agent) && lastHeard(world, agent) <= off.at)) return null
  return { kind: 'brake', to: 'over', agents: [], reason: 'no agent is silent any more since before the brake went off' }
}

function release(world: LossWorld, watched: readonly LossAgent[]): BrakeDecision | null {
  if (watched.length === 0) return { kind: 'brake', to: 'off', agents: [], reason: 'none of the agents that fell silent together is left' }
  const silent = watched.filter((agent) => isSilent(world, agent)).map((agent) => agent.id).sort()
  if (silent.length * 2 > watched.length) return null
  const rest = silent.length === 0 ? '' : `; ${silent.join(', ')} will be lost after ${world.lostMs / 1000} s more of silence`
  return { kind: 'brake', to: 'off', agents: silent, reason: `${watched.length - silent.length} of the ${watched.length} agents that fell silent together are back${rest}` }
}

/** Agents of every span of `TOGETHER_MS` in which so many fell silent, by id. What was silent before the last release is known already. */
function fellTogether(world: LossWorld, fleet: readonly LossAgent[]): string[] {
  if (Math.min(world.canaryHealthyForMs, world.masterUpForMs) < suspectMs(world)) return []
  const { off } = world.brake
  const fallen = fleet.filter((agent) => isSilent(world, agent)).map((agent) => ({ id: agent.id, heard: lastHeard(world, agent) })).filter(({ heard }) => off === null || heard > off.at)
  const together = fallen.flatMap((first) => {
    const span = fallen.filter(({ heard }) => heard >= first.heard && heard - first.heard <= TOGETHER_MS)
    return span.length >= AGENTS_MIN && span.length * 3 > fleet.length ? span.map(({ id }) => id) : []
  })
  return [...new Set(together)].sort()
}

/** EC2 calls it running, or it is a machine of its own; and it was heard once. */
function isOfFleet(agent: LossAgent): boolean {
  return agent.lostAt === null && agent.silentMs !== null && (agent.instance === null || agent.instance.ec2Running)
}

function isSilent(world: LossWorld, agent: LossAgent): boolean {
  return (agent.silentMs ?? 0) >= suspectMs(world)
}

function suspectMs(world: LossWorld): number {
  return Math.min(SUSPECT_MS, world.lostMs / 2)
}

function lastHeard(world: LossWorld, agent: LossAgent): number {
  return world.now - (agent.silentMs ?? 0)
}
