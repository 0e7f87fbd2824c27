import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { freeCount, freeSlots, largestIn, openIn, takesWork } from './fits.ts'
import { couldUse } from './places.ts'
import { schedule } from './schedule.ts'
import type { PendingAllocation, ScheduleAgent, ScheduleWorld } from './world.ts'

const RUNS = { numRuns: 1_000 }

const pool = fc.constantFrom('p', 'q', 'r')
const rarely = fc.integer({ min: 0, max: 9 }).map((n) => n === 0)
const agents = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom('a', 'b', 'c', '1') }),
    pool: fc.constantFrom('p', 'q'),
    enabled: rarely.map((closed) => !closed), draining: rarely, suspect: rarely, leaving: rarely, zone: fc.constantFrom(null, 'a', 'b'),
    aux: fc.integer({ min: 98, max: 101 }),
    slots: fc.array(fc.boolean(), { maxLength: 4 }).map((busy) => busy.map((b, i) => ({ id: `s${i}`, busy: b }))),
  }),
  { selector: (agent) => agent.id, maxLength: 8 },
)
const pendings = fc.uniqueArray(
  fc.record({ allocation: fc.integer({ min: 1, max: 99 }).map((n) => `t-${n}.1`), pool, slots: fc.integer({ min: 0, max: 12 }), priority: fc.integer({ min: 1, max: 3 }), order: fc.integer({ min: 1, max: 50 }) }),
  { selector: (pending) => pending.allocation, maxLength: 12 },
)
const worlds: fc.Arbitrary<ScheduleWorld> = fc.record({ agents, pending: pendings, coming: fc.array(fc.record({ pool, slots: fc.integer({ min: 1, max: 6 }) }), { maxLength: 3 }) })

describe('schedule, any world', () => {
  test('I1: only free slots of open agents of the pool, each once, as many as asked; each allocation answered once', () => {
    fc.assert(fc.property(worlds, (world) => {
      const decisions = schedule(world)
      expect(decisions.map((d) => d.allocation).sort()).toEqual(world.pending.map((p) => p.allocation).sort())
      const given = new Set<string>()
      const aux = new Map<string, number>()
      for (const decision of decisions) {
        if (decision.kind !== 'assign') continue
        const pending = find(world.pending, decision.allocation)
        expect(decision.members.reduce((sum, member) => sum + member.slots.length, 0)).toBe(pending.slots)
        for (const member of decision.members) {
          const agent = agentOf(world, member.agent)
          expect(takesWork(agent)).toBe(true)
          expect(agent.pool).toBe(pending.pool)
          if (pending.slots === 0) aux.set(agent.id, (aux.get(agent.id) ?? agent.aux) + 1)
          for (const slot of member.slots) {
            expect(freeSlots(agent)).toContain(slot)
            expect(given.has(`${agent.id}/${slot}`)).toBe(false)
            given.add(`${agent.id}/${slot}`)
          }
        }
      }
      for (const held of aux.values()) expect(held).toBeLessThanOrEqual(100)
    }), RUNS)
  })

  test('gangs: all or nothing, equal use of agents without work, ranks by id, never where one agent is large enough', () => {
    fc.assert(fc.property(worlds, (world) => {
      for (const decision of schedule(world)) {
        if (decision.kind !== 'assign') continue
        const { pool, slots } = find(world.pending, decision.allocation)
        const large = largestIn(pool, world.agents) >= slots
        expect(decision.members.length === 1).toBe(large)
        expect(decision.members.map((member) => member.rank)).toEqual(decision.members.map((_, rank) => rank))
        expect(decision.members.map((member) => member.agent)).toEqual(decision.members.map((member) => member.agent).sort())
        if (large) continue
        const agents = decision.members.map((member) => agentOf(world, member.agent))
        expect(new Set(agents.map((agent) => agent.slots.length)).size).toBe(1)
        for (const agent of agents) expect(freeCount(agent)).toBe(agent.slots.length)
      }
    }), RUNS)
  })

  test('I9: the same world in any order of listing gives the same decisions in the same order', () => {
    fc.assert(fc.property(worlds.chain((world) => fc.tuple(fc.constant(world), shuffled(world.agents), shuffled(world.pending))), ([world, mixedAgents, mixedPending]) => {
      expect(schedule({ ...world, agents: mixedAgents, pending: mixedPending })).toEqual(schedule(world))
    }), RUNS)
  })

  test('the head is not starved: nothing with slots is given on an agent that somebody ahead could use', () => {
    fc.assert(fc.property(worlds, (world) => {
      const held = new Set<string>()
      for (const decision of schedule(world)) {
        const pending = find(world.pending, decision.allocation)
        if (pending.slots === 0) continue
        if (decision.kind === 'assign') for (const member of decision.members) expect(held.has(member.agent)).toBe(false)
        else for (const agent of couldUse(world.agents, pending, world.coming)) held.add(agent.id)
      }
    }), RUNS)
  })

  test('no idle waste: the first of a pool is assigned whenever it fits, on one agent or as a gang', () => {
    fc.assert(fc.property(agents, fc.integer({ min: 1, max: 12 }), (all: ScheduleAgent[], slots) => {
      const [decision] = schedule({ agents: all, pending: [{ allocation: 'x.1', pool: 'p', slots, priority: 1, order: 1 }] })
      const open = openIn('p', all)
      const alone = open.some((agent) => freeCount(agent) >= slots)
      const empty = open.filter((agent) => freeCount(agent) === agent.slots.length)
      const together = slots > largestIn('p', all) && [1, 2, 3, 4, 5, 6].some((size) => slots % size === 0 && empty.filter((agent) => agent.slots.length === size).length >= slots / size)
      expect(decision?.kind).toBe(alone || together ? 'assign' : 'wait')
    }), RUNS)
  })

  test('no deadlock: as work ends, everything that can run at all is placed, in whatever order work ends', () => {
    fc.assert(fc.property(worlds, fc.infiniteStream(fc.nat()), fc.boolean(), (start, picks, come) => {
      let world = start
      for (let step = 0; step < 200; step++) {
        if (step === 3) world = settle(world, come)
        const decisions = schedule(world)
        world = decisions.reduce(assign, world)
        const running = world.agents.flatMap((agent) => agent.slots.filter((slot) => slot.busy).map((slot) => ({ agent: agent.id, slot: slot.id })))
        const ended = running[(picks.next().value ?? 0) % Math.max(running.length, 1)]
        if (!ended) continue
        world = { ...world, agents: world.agents.map((agent) => (agent.id === ended.agent ? { ...agent, slots: agent.slots.map((slot) => (slot.id === ended.slot ? { ...slot, busy: false } : slot)) } : agent)) }
      }
      for (const pending of world.pending) {
        if (pending.slots > 0) expect(couldUse(world.agents, pending)).toEqual([])
      }
    }), RUNS)
  })
})

/** What was on its way registers, or never will. */
function settle(world: ScheduleWorld, come: boolean): ScheduleWorld {
  const came = (come ? (world.coming ?? []) : []).map((node, i): ScheduleAgent => ({
    id: `new-${i}`, pool: node.pool, enabled: true, draining: false, suspect: false, leaving: false, zone: null, aux: 0,
    slots: Array.from({ length: node.slots }, (_, n) => ({ id: `s${n}`, busy: false })),
  }))
  return { ...world, agents: [...world.agents, ...came], coming: [] }
}

function assign(world: ScheduleWorld, decision: ReturnType<typeof schedule>[number]): ScheduleWorld {
  if (decision.kind === 'wait') return world
  const taken = (agent: ScheduleAgent): readonly string[] => decision.members.find((member) => member.agent === agent.id)?.slots ?? []
  return {
    ...world,
    pending: world.pending.filter((pending) => pending.allocation !== decision.allocation),
    agents: world.agents.map((agent) => ({ ...agent, slots: agent.slots.map((slot) => (taken(agent).includes(slot.id) ? { ...slot, busy: true } : slot)) })),
  }
}

function agentOf(world: ScheduleWorld, id: string): ScheduleAgent {
  const found = world.agents.find((agent) => agent.id === id)
  if (!found) throw new Error('an agent that does not exist')
  return found
}

function find(pending: readonly PendingAllocation[], allocation: string): PendingAllocation {
  const found = pending.find((p) => p.allocation === allocation)
  if (!found) throw new Error('an allocation that was never asked for')
  return found
}

function shuffled<T>(items: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length })
}
