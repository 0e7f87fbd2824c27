import { sql, type RawBuilder } from 'kysely'
import type { HerdConfig, ProviderConfig } from '../config.ts'
import type { ScaleDecision, ScaleWorld } from '../scale/world.ts'
import type { Background } from './background.ts'
import { regionOfZone, type Clouds } from './clouds.ts'
import type { LoopDeps } from './deps.ts'
import type { HerdPool } from './herd-pool.ts'
import type { Facts } from './scale-facts.ts'

/** What the loops of scale and truth share. */
export interface HerdDeps extends LoopDeps {
  pools: readonly HerdPool[]
  herd: HerdConfig
  clouds: Clouds
  facts: Facts
  background: Background
  /** the join token of a launch, the same for the same id, and the hash of its secret */
  launchToken: (launch: string) => { token: string; hash: Buffer }
  decide: (world: ScaleWorld) => readonly ScaleDecision[]
  /** the clock by which is decided, as an expression for Postgres; tests move it */
  now: () => RawBuilder<Date>
}

export const databaseTime = (): RawBuilder<Date> => sql<Date>`clock_timestamp()`

/** Unix milliseconds of an expression of time. */
export function millis(time: RawBuilder<unknown>): RawBuilder<number> {
  return sql<number>`floor(extract(epoch FROM ${time}) * 1000)::float8`
}

export function plusMs(time: RawBuilder<Date>, ms: number): RawBuilder<Date> {
  return sql<Date>`(${time} + make_interval(secs => ${ms / 1000}::float8))`
}

export function providerOf(deps: Pick<HerdDeps, 'pools'>, pool: string): ProviderConfig | null {
  return deps.pools.find((one) => one.name === pool)?.provider ?? null
}

/** Where a row's instance is: by its zone, since its pool may have moved or been taken out of the configuration. */
export function regionOf(deps: Pick<HerdDeps, 'pools'>, row: { pool: string; zone: string }): string {
  return regionOfZone(row.zone) ?? providerOf(deps, row.pool)?.policy.region ?? row.zone
}
