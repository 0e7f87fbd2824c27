import type { MarketPolicy } from '../../protocol/words/instances.ts'

/** What a pool's owner allows; from `resource_pools[].provider` of master.yaml. Money in dollars an hour. */
export interface PoolPolicy {
  name: string
  region: string
  /** in order of preference */
  instanceTypes: readonly string[]
  /** subnets to launch in, in order of preference, with their zones as EC2 tells; never empty */
  places: readonly Place[]
  market: MarketPolicy
  /** highest bid; null = the on-demand price, EC2's default */
  spotMaxPrice: number | null
  /** an offer that costs more is left out; null = no limit */
  maxPricePerHour: number | null
  minInstances: number
  maxInstances: number
  maxStartingMs: number
  maxIdleMs: number
  /** slots of a type that has no GPU, or whose GPUs EC2 does not count; null = none */
  instanceSlots: number | null
  /** machines without GPU count their CPU slots (1 unless `instanceSlots`) */
  cpuSlotsAllowed: boolean
}

export interface Place {
  /** null = the default subnet of the zone */
  subnet: string | null
  zone: string
}

/** Of one instance type, by DescribeInstanceTypes. */
export interface TypeFacts {
  type: string
  gpus: number
  vcpus: number
}

/** (type, zone, market) that EC2 refused; zone null = every zone. Times: Unix milliseconds of the database. */
export interface DryMark {
  type: string
  zone: string | null
  market: 'on-demand' | 'spot'
  until: number
  code: string
}

/** Dollars an hour of one choice, where it is known. */
export interface PriceFact {
  type: string
  /** null = every zone */
  zone: string | null
  market: 'on-demand' | 'spot'
  perHour: number
}
