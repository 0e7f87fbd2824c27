import { AUX_LIMIT, couldFit, freeSlots, takesWork } from './fits.ts'
import type { PendingAllocation, ScheduleAgent } from './world.ts'

/** Why it waits, in words for the person who submitted it. `pool`: all agents of its pool. */
export function waitReason(pending: PendingAllocation, pool: readonly ScheduleAgent[], ahead: number): string {
  if (pool.length === 0) return `waits: no agent has joined pool ${pending.pool}`
  const open = pool.filter(takesWork)
  if (open.length === 0) return `waits: none of the ${count(pool.length, 'agent')} of pool ${pending.pool} takes work (${whyClosed(pool)})`
  if (pending.slots === 0) return `waits: each agent of pool ${pending.pool} already holds ${AUX_LIMIT} tasks without slots`
  if (!open.some((agent) => couldFit(agent, pending))) {
    const largest = Math.max(...open.map((agent) => agent.slots.length))
    return `waits: it needs ${count(pending.slots, 'slot')} on one agent, the largest of pool ${pending.pool} has ${largest}`
  }
  const free = open.reduce((sum, agent) => sum + freeSlots(agent).length, 0)
  const total = open.reduce((sum, agent) => sum + agent.slots.length, 0)
  return `waits: pool ${pending.pool} has ${free} free of ${count(total, 'slot')}, ${count(ahead, 'experiment')} ahead`
}

function whyClosed(pool: readonly ScheduleAgent[]): string {
  const parts: [string, number][] = [
    ['silent', pool.filter((agent) => agent.suspect).length],
    ['draining', pool.filter((agent) => !agent.suspect && agent.draining).length],
    ['disabled', pool.filter((agent) => !agent.suspect && !agent.draining && !agent.enabled).length],
  ]
  return parts.filter(([, n]) => n > 0).map(([word, n]) => `${n} ${word}`).join(', ')
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}
