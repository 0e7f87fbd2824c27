import { backoffMs } from '../../protocol/kit/backoff.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { cureOf } from '../cloud/cures.ts'
import type { Cloud } from '../cloud/door.ts'
import type { HerdConfig } from '../config.ts'
import type { Place, PriceFact, TypeFacts } from '../scale/pool.ts'
import type { Background } from './background.ts'
import { refusalOf } from './cloud-words.ts'
import type { Clouds } from './clouds.ts'
import type { HerdPool } from './herd-pool.ts'

/** What only EC2 can tell about a pool. */
export interface PoolFacts {
  /** never empty */
  places: readonly Place[]
  types: readonly TypeFacts[]
  prices: readonly PriceFact[]
}

/** Facts of all pools, asked in the background and kept; a pass never waits for EC2. */
export interface Facts {
  /** Asks for what is old or missing. */
  refresh(): void
  of(pool: string): PoolFacts | null
  /** why EC2 could not be asked, with the cure; '' = it could, or is being asked */
  trouble(pool: string): string
}

export interface FactsDeps {
  pools: readonly HerdPool[]
  prices: HerdConfig['prices']
  clouds: Clouds
  background: Background
  clock: Clock
  random: () => number
  log: Log
  /** after news */
  onNews: () => void
}

const FRESH_MS = 600_000
const RETRY = { baseMs: 5_000, capMs: 60_000, floorMs: 2_000 }

interface Entry {
  facts: PoolFacts | null
  trouble: string
  failures: number
  nextMs: number
}

export function createFacts(deps: FactsDeps): Facts {
  const entries = new Map<string, Entry>(deps.pools.map((pool) => [pool.name, { facts: null, trouble: '', failures: 0, nextMs: Number.NEGATIVE_INFINITY }]))
  return {
    refresh() {
      for (const pool of deps.pools) {
        const entry = entries.get(pool.name)
        if (entry && deps.clock.monotonicMs() >= entry.nextMs) deps.background.start(`facts:${pool.name}`, () => ask(deps, pool, entry))
      }
    },
    of: (pool) => entries.get(pool)?.facts ?? null,
    trouble: (pool) => entries.get(pool)?.trouble ?? '',
  }
}

/** What was known stays in use while EC2 cannot be asked. */
async function ask(deps: FactsDeps, pool: HerdPool, entry: Entry): Promise<void> {
  try {
    const found = await askFacts(deps, pool, entry.facts)
    Object.assign(entry, typeof found === 'string' ? { facts: null, trouble: found } : { facts: found, trouble: '' }, { failures: 0, nextMs: deps.clock.monotonicMs() + FRESH_MS })
  } catch (error) {
    const refusal = refusalOf(error)
    const { region } = pool.provider.policy
    entry.failures += 1
    entry.nextMs = deps.clock.monotonicMs() + backoffMs(entry.failures, deps.random, RETRY)
    entry.trouble = `EC2 in ${region} cannot be asked about this pool: ${refusal.code}: ${refusal.text}; ${cureOf(refusal.kind, refusal.code)}`
    deps.log.warn({ pool: pool.name, region, failures: entry.failures, err: error }, 'EC2 could not be asked about a pool, will be tried again')
  }
  deps.onNews()
}

/** A sentence where the answers cannot serve. */
async function askFacts(deps: FactsDeps, pool: HerdPool, before: PoolFacts | null): Promise<PoolFacts | string> {
  const { policy, subnets, zones } = pool.provider
  const cloud = await deps.clouds.of(policy.region)
  const found = await cloud.places(subnets)
  const places = zones.length === 0 ? found : found.filter((place) => zones.includes(place.zone))
  if (places.length === 0) return noPlace(pool, found)
  const types = await cloud.types(policy.instanceTypes)
  return { places, types, prices: [...listPrices(deps.prices[policy.region] ?? {}, policy.instanceTypes), ...(await spotPrices(deps, pool, cloud, before))] }
}

function noPlace(pool: HerdPool, found: readonly Place[]): string {
  const { policy, zones, subnets } = pool.provider
  const what = subnets.length === 0 ? `the default VPC of ${policy.region} has no default subnet` : `no subnet of ${subnets.join(', ')}`
  if (found.length === 0) return `${what} can be launched in: name subnets in the pool's provider`
  return `none of its subnets lies in ${zones.join(', ')} (they lie in ${[...new Set(found.map((place) => place.zone))].join(', ')}): correct zones in the pool's provider`
}

function listPrices(prices: Readonly<Record<string, number>>, types: readonly string[]): PriceFact[] {
  return types.flatMap((type) => {
    const perHour = prices[type]
    return perHour === undefined ? [] : [{ type, zone: null, market: 'on-demand' as const, perHour }]
  })
}

/** Prices are good to have: without them the pool still launches. */
async function spotPrices(deps: FactsDeps, pool: HerdPool, cloud: Cloud, before: PoolFacts | null): Promise<readonly PriceFact[]> {
  if (pool.provider.policy.market === 'on-demand') return []
  try {
    return (await cloud.spotPrices(pool.provider.policy.instanceTypes)).map((price) => ({ ...price, market: 'spot' as const }))
  } catch (error) {
    deps.log.warn({ pool: pool.name, err: error }, 'spot prices could not be asked, older ones stay')
    return before?.prices.filter((price) => price.market === 'spot') ?? []
  }
}
