/** Words of the EC2 side of the herd. */

/**
 * LAUNCHING: the intent is written, EC2 has not answered. STARTING: EC2 has made it, its agent has not registered.
 * READY: its agent registered. RETIRING: no new work, the agent is asked to drain. TERMINATING: TerminateInstances is
 * wanted until EC2 says that it is going. GONE: EC2 says so. FAILED: the launch was refused, nothing was ever made.
 */
export const INSTANCE_STATES = ['LAUNCHING', 'STARTING', 'READY', 'RETIRING', 'TERMINATING', 'GONE', 'FAILED'] as const
export type InstanceState = (typeof INSTANCE_STATES)[number]

/** A state never goes back; FAILED follows LAUNCHING only. */
export function canMoveInstance(from: InstanceState, to: InstanceState): boolean {
  if (to === 'FAILED') return from === 'LAUNCHING'
  if (from === 'FAILED' || from === 'GONE') return false
  return INSTANCE_STATES.indexOf(to) > INSTANCE_STATES.indexOf(from)
}

/** It costs money, or may. */
export function mayCost(state: InstanceState): boolean {
  return state !== 'GONE' && state !== 'FAILED'
}

export type Market = 'on-demand' | 'spot'
export type MarketPolicy = Market | 'spot-then-on-demand'

/**
 * Why EC2 refused or did not answer, named once by `master/cloud`. capacity, price and quota are remembered for the
 * (type, zone, market) or, quota, for the (type, market); unsupported strikes the pair off for a day; throttled and
 * unavailable are tried again with the same token; permission and parameters need a person.
 */
export const CLOUD_FAILURES = ['capacity', 'quota', 'price', 'throttled', 'permission', 'parameters', 'unsupported', 'not-found', 'unavailable'] as const
export type CloudFailure = (typeof CLOUD_FAILURES)[number]

/** What EC2 says before it takes an instance away. */
export type NoticeKind = 'spot' | 'rebalance'
