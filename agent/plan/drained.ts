import type { AllocationRow } from './row.ts'
import type { ObservedContainer } from './world.ts'

export interface RetireWorld {
  /** null: the master does not want the instance to go */
  retire: string | null
  rows: readonly AllocationRow[]
  /** null: not listed lately */
  containers: readonly ObservedContainer[] | null
  /** steps under way */
  underWay: number
  /** entries that the master has not committed */
  outbox: number
}

/**
 * True: asked to go, and nothing of ours is left that the master could miss (I8). A step under way may be an acceptance
 * that was planned before the request was heard; none is planned after it.
 */
export function isDrained(world: RetireWorld): boolean {
  return world.retire !== null && world.rows.length === 0 && world.containers?.length === 0 && world.underWay === 0 && world.outbox === 0
}
