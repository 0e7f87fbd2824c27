import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { couldFit, freeSlots, takesWork } from './fits.ts'
import { schedule } from './schedule.ts'
import type { PendingAllocation, ScheduleAgent, ScheduleWorld } from './world.ts'

const pool = fc.constantFrom('p', 'q', 'r')
const agents = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom('a', 'b', 'c', '1') }),
    pool: fc.constantFrom('p', 'q'),
    enabled: fc.boolean(), draining: fc.boolean(), suspect: fc.boolean(), leaving: fc.boolean(), zone: fc.constantFrom(null, 'a', 'b'),
    aux: fc.integer({ min: 98, max: 101 }),
    slots: fc.array(fc.boolean(), { maxLength: 6 }).map((busy) => busy.map((b, i) => ({ id: `s${i}`, busy: b }))),
  }),
  { selector: (agent) => agent.id, maxLength: 6 },
)
const pendings = fc.uniqueArray(
  fc.record({ allocation: fc.integer({ min: 1, max: 99 }).map((n) => `t-${n}.1`), pool, slots: fc.integer({ min: 0, max: 5 }), priority: fc.integer({ min: 1, max: 3 }), order: fc.integer({ min: 1, max: 50 }) }),
  { selector: (pending) => pending.allocation, maxLength: 12 },
)
const worlds: fc.Arbitrary<ScheduleWorld> = fc.record({ agents, pending: pendings })

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
        for (const member of decision.members) {
          const agent = world.agents.find((a) => a.id === member.agent)
          if (!agent) throw new Error('an agent that does not exist')
          expect(takesWork(agent)).toBe(true)
          expect(agent.pool).toBe(pending.pool)
          expect(member.slots.length).toBe(pending.slots)
          if (pending.slots === 0) aux.set(agent.id, (aux.get(agent.id) ?? agent.aux) + 1)
          for (const slot of member.slots) {
            expect(freeSlots(agent)).toContain(slot)
            expect(given.has(`${agent.id}/${slot}`)).toBe(false)
            given.add(`${agent.id}/${slot}`)
          }
        }
      }
      for (const held of aux.values()) expect(held).toBeLessThanOrEqual(100)
    }))
  })

  test('I9: the same world in any order of listing gives the same decisions in the same order', () => {
    fc.assert(fc.property(worlds.chain((world) => fc.tuple(fc.constant(world), shuffled(world.agents), shuffled(world.pending))), ([world, mixedAgents, mixedPending]) => {
      expect(schedule({ agents: mixedAgents, pending: mixedPending })).toEqual(schedule(world))
    }))
  })

  test('the head of a pool is not starved: nothing with slots is given in a pool behind one that could run there', () => {
    fc.assert(fc.property(worlds, (world) => {
      const blocked = new Set<string>()
      for (const decision of schedule(world)) {
        const pending = find(world.pending, decision.allocation)
        if (pending.slots === 0) continue
        if (decision.kind === 'assign') expect(blocked.has(pending.pool)).toBe(false)
        else if (world.agents.some((agent) => couldFit(agent, pending))) blocked.add(pending.pool)
      }
    }))
  })

  test('no idle waste: the first of a pool is assigned whenever it fits', () => {
    fc.assert(fc.property(agents, fc.integer({ min: 1, max: 5 }), (all: ScheduleAgent[], slots) => {
      const [decision] = schedule({ agents: all, pending: [{ allocation: 'x.1', pool: 'p', slots, priority: 1, order: 1 }] })
      const room = all.some((agent) => agent.pool === 'p' && takesWork(agent) && freeSlots(agent).length >= slots)
      expect(decision?.kind).toBe(room ? 'assign' : 'wait')
    }))
  })
})

function find(pending: readonly PendingAllocation[], allocation: string): PendingAllocation {
  const found = pending.find((p) => p.allocation === allocation)
  if (!found) throw new Error('an allocation that was never asked for')
  return found
}

function shuffled<T>(items: readonly T[]): fc.Arbitrary<T[]> {
  return fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length })
}
