import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decideLoss } from './loss.ts'
import type { Brake, LossAgent, LossDecision, LossWorld } from './loss-world.ts'

const NOW = 100_000_000
const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
/** Around the edges that matter: SUSPECT, 60 s, LOST. */
const span = fc.oneof(fc.integer({ min: 0, max: 700_000 }), fc.constantFrom(0, 29_999, 30_000, 60_000, 299_999, 300_000, 300_001, 5_000_000))
const agents: fc.Arbitrary<readonly LossAgent[]> = fc.uniqueArray(
  fc.record({
    id: fc.constantFrom(...ids),
    silentMs: fc.option(span, { nil: null, freq: 10 }),
    lostAt: fc.constantFrom(null, null, NOW - 1),
    live: fc.constantFrom<string[]>([], ['t-1.1'], ['t-1.1', 't-2.4']),
    instance: fc.option(fc.record({ state: fc.constantFrom('STARTING' as const, 'READY' as const, 'RETIRING' as const, 'TERMINATING' as const, 'GONE' as const), reason: fc.constantFrom('', 'x') })
      .map(({ state, reason }) => ({ state, reason, ec2Running: state !== 'TERMINATING' && state !== 'GONE' })), { nil: null }),
  }),
  { selector: (agent) => agent.id, maxLength: ids.length },
)
const brakes: fc.Arbitrary<Brake> = fc.record({
  on: fc.option(fc.subarray(ids, { minLength: 1 }), { nil: null }),
  off: fc.option(fc.record({ at: span.map((ms) => NOW - ms), byPerson: fc.boolean() }), { nil: null }),
})
const worlds: fc.Arbitrary<LossWorld> = fc.record({
  now: fc.constant(NOW), lostMs: fc.constantFrom(300_000, 300_000, 15_000), canaryHealthyForMs: fc.oneof(span, fc.constant(9_000_000)), canaryLastWordMs: fc.constantFrom(0, 0, 4_000), masterUpForMs: fc.oneof(span, fc.constant(9_000_000)), agents, brake: brakes,
})
const RUNS = { numRuns: 1_000 }

/** The same world once the decisions are carried out. */
function after(world: LossWorld, decisions: readonly LossDecision[]): LossWorld {
  return decisions.reduce((so, decision): LossWorld => {
    switch (decision.kind) {
      case 'brake':
        return { ...so, brake: decision.to === 'on' ? { ...so.brake, on: decision.agents } : { on: null, off: decision.to === 'off' ? { at: so.now, byPerson: false } : null } }
      case 'lose':
        return { ...so, agents: so.agents.map((agent) => (agent.id !== decision.agent ? agent : { ...agent, lostAt: so.now, instance: agent.instance && agent.instance.state !== 'GONE' ? { ...agent.instance, state: 'TERMINATING', ec2Running: false } : agent.instance })) }
      case 'retire-agent':
        return { ...so, agents: so.agents.filter((agent) => agent.id !== decision.agent) }
    }
  }, world)
}

const lost = (decisions: readonly LossDecision[]): string[] => decisions.flatMap((decision) => (decision.kind === 'lose' ? [decision.agent] : []))
const isGone = (world: LossWorld, id: string): boolean => world.agents.find((agent) => agent.id === id)?.instance?.state === 'GONE'

describe('loss, any world', () => {
  test('I9: in any order of listing the same decisions in the same order, each agent once', () => {
    fc.assert(fc.property(worlds.chain((world) => fc.tuple(fc.constant(world), fc.shuffledSubarray([...world.agents], { minLength: world.agents.length }))), ([world, mixed]) => {
      const decisions = decideLoss(world)
      expect(decideLoss({ ...world, agents: mixed })).toEqual(decisions)
      const named = decisions.flatMap((decision) => (decision.kind === 'brake' ? [] : [decision.agent]))
      expect(new Set(named).size).toBe(named.length)
    }), RUNS)
  })

  test('I10: carried out, they leave nothing to decide after two more looks', () => {
    fc.assert(fc.property(worlds, (world) => {
      const once = after(world, decideLoss(world))
      const twice = after(once, decideLoss(once))
      expect(decideLoss(after(twice, decideLoss(twice)))).toEqual([])
    }), RUNS)
  })

  test('no loss by silence before the grace: canary, start, and the agent\'s own silence', () => {
    fc.assert(fc.property(worlds, (world) => {
      for (const id of lost(decideLoss(world))) {
        if (isGone(world, id)) continue
        const agent = world.agents.find((one) => one.id === id)
        expect(Math.min(world.canaryHealthyForMs, world.masterUpForMs, agent?.silentMs ?? Number.POSITIVE_INFINITY) - world.canaryLastWordMs).toBeGreaterThanOrEqual(world.lostMs)
        expect(agent?.silentMs !== null || agent.live.length > 0).toBe(true)
      }
    }), RUNS)
  })

  test('the brake never loses anybody but whom EC2 calls gone', () => {
    fc.assert(fc.property(worlds, (world) => {
      const decisions = decideLoss(world)
      const on = after(world, decisions).brake.on !== null
      if (on) for (const id of lost(decisions)) expect(isGone(world, id)).toBe(true)
    }), RUNS)
  })

  test('the brake goes on for three or more, over a third, and only with ears', () => {
    fc.assert(fc.property(worlds, (world) => {
      for (const decision of decideLoss(world)) {
        if (decision.kind !== 'brake' || decision.to !== 'on') continue
        const fleet = world.agents.filter((agent) => agent.lostAt === null && agent.silentMs !== null && agent.instance?.ec2Running !== false)
        expect(decision.agents.length).toBeGreaterThanOrEqual(3)
        expect(decision.agents.length * 3).toBeGreaterThan(fleet.length)
        expect(Math.min(world.canaryHealthyForMs, world.masterUpForMs)).toBeGreaterThanOrEqual(Math.min(30_000, world.lostMs / 2))
      }
    }), RUNS)
  })

  test('what EC2 calls gone is never left: lost where it holds something, else retired', () => {
    fc.assert(fc.property(worlds, (world) => {
      const decisions = decideLoss(world)
      for (const agent of world.agents.filter((one) => one.instance?.state === 'GONE' && (one.lostAt === null || one.live.length === 0))) {
        expect(decisions).toContainEqual(expect.objectContaining({ kind: agent.live.length > 0 ? 'lose' : 'retire-agent', agent: agent.id }))
      }
    }), RUNS)
  })
})
