import type { StackConfig } from './words.ts'

/** Dollars of one thing that is paid whether or not anybody trains. */
export interface FixedCost {
  readonly what: string
  /** a month of 730 hours; null = the price is not known */
  readonly monthly: number | null
  readonly basis: string
}

/** Dollars an hour by what is bought; null where it is not known. */
export interface HourlyPrices {
  readonly instance: number | null
  readonly database: number | null
}

const HOURS = 730
/** us-east-1, dollars: gp3 GiB-month, gp3 of RDS, public IPv4 address hour, secret-month. Source: AWS price pages, 2026; other regions differ by up to a fifth. */
const GIB = 0.08
const DATABASE_GIB = 0.115
const ADDRESS_HOUR = 0.005
const SECRET = 0.4

/** What stands all month, line by line. Agents, traffic, S3 and logs are paid by use and are not in it. */
export function fixedCosts(config: StackConfig, prices: HourlyPrices): FixedCost[] {
  const { database, master } = config
  const hourly = (price: number | null, factor = 1): number | null => (price === null ? null : price * HOURS * factor)
  return [
    { what: `master ${master.instanceType}`, monthly: hourly(prices.instance), basis: 'on demand, one machine' },
    { what: 'disk of the master', monthly: master.rootVolumeGib * GIB, basis: `${master.rootVolumeGib} GiB gp3` },
    { what: 'public address', monthly: HOURS * ADDRESS_HOUR, basis: 'one IPv4 address' },
    ...(database.kind === 'postgres'
      ? [
          { what: `database ${database.instanceClass}`, monthly: hourly(prices.database, database.multiZone ? 2 : 1), basis: database.multiZone ? 'two zones' : 'one zone' },
          { what: 'disk of the database', monthly: database.storageGib * DATABASE_GIB * (database.multiZone ? 2 : 1), basis: `${database.storageGib} GiB gp3` },
        ]
      : []),
    ...(database.kind === 'aurora' ? [{ what: 'database Aurora', monthly: hourly(prices.database, database.minCapacity), basis: `${database.minCapacity} capacity units at least` }] : []),
    { what: 'secrets', monthly: SECRET * (database.kind === 'external' ? 1 : 2), basis: 'database and state' },
  ]
}

/** The sum; null as soon as one part is not known: half a sum would mislead. */
export function total(costs: readonly FixedCost[]): number | null {
  return costs.every((cost) => cost.monthly !== null) ? costs.reduce((sum, cost) => sum + (cost.monthly ?? 0), 0) : null
}
