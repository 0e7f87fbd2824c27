import { AUX_LIMIT, freeCount, largestIn, openIn } from './fits.ts'
import { emptyOf, gangSizes } from './gang.ts'
import type { PendingAllocation, ScheduleAgent } from './world.ts'

/** Why it waits, in words for the person who submitted it. `pool`: all agents of its pool. */
export function waitReason(pending: PendingAllocation, pool: readonly ScheduleAgent[], ahead: number): string {
  if (pool.length === 0) return `waits: no agent has joined pool ${pending.pool}`
  const open = openIn(pending.pool, pool)
  if (open.length === 0) return `waits: none of the ${count(pool.length, 'agent')} of pool ${pending.pool} takes work (${whyClosed(pool)})`
  if (pending.slots === 0) return `waits: each agent of pool ${pending.pool} already holds ${AUX_LIMIT} tasks without slots`
  if (pending.slots > largestIn(pending.pool, open)) return gangReason(pending, open, ahead)
  const free = open.reduce((sum, agent) => sum + freeCount(agent), 0)
  const total = open.reduce((sum, agent) => sum + agent.slots.length, 0)
  return `waits: pool ${pending.pool} has ${free} free of ${count(total, 'slot')}, ${count(ahead, 'experiment')} ahead`
}

/** It needs several agents: says which, and how many of them are there and free. */
function gangReason(pending: PendingAllocation, open: readonly ScheduleAgent[], ahead: number): string {
  const sizes = gangSizes(open, pending.slots)
  const best = sizes.find(({ nodes, have }) => have >= nodes) ?? sizes[0]
  if (!best) return neverReason(pending, open)
  const { size, nodes, have } = best
  const free = emptyOf(open, size).length
  return `waits: it needs ${count(nodes, 'agent')} with ${size} free slot${size === 1 ? '' : 's'} each, in one zone where possible; ` +
    `${have} of pool ${pending.pool} ${have === 1 ? 'has' : 'have'} ${count(size, 'slot')}, ${free} ${free === 1 ? 'is' : 'are'} free, ${count(ahead, 'experiment')} ahead`
}

function neverReason({ pool, slots }: PendingAllocation, open: readonly ScheduleAgent[]): string {
  const sizes = [...new Set(open.map((agent) => agent.slots.length))].filter((size) => size > 0).sort((a, b) => a - b)
  const largest = sizes.at(-1)
  if (largest === undefined) return `waits: it needs ${count(slots, 'slot')}, the agents of pool ${pool} have none: choose a pool with slots, or enable some`
  return `waits: ${count(slots, 'slot')} cannot be divided evenly over whole agents of pool ${pool}, which have ${sizes.join(' or ')} slots: ` +
    `ask for at most ${largest} or for a multiple of ${sizes.join(' or ')}`
}

function whyClosed(pool: readonly ScheduleAgent[]): string {
  const word = (agent: ScheduleAgent): string => (agent.leaving ? 'leaving' : agent.suspect ? 'silent' : agent.draining ? 'draining' : 'disabled')
  return ['silent', 'draining', 'disabled', 'leaving']
    .map((known) => ({ known, n: pool.filter((agent) => word(agent) === known).length }))
    .filter(({ n }) => n > 0).map(({ known, n }) => `${n} ${known}`).join(', ')
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}
