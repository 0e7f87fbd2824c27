import { GetProductsCommand, PricingClient } from '@aws-sdk/client-pricing'
import type { HourlyPrices } from '../cost.ts'
import type { StackConfig } from '../words.ts'

/** The price list answers in few regions only. */
const REGION = 'us-east-1'

/** On-demand dollars an hour from AWS's price list; null where it does not say, or may not be asked: a plan is worth having without it. */
export async function askPrices(config: StackConfig, signal: AbortSignal): Promise<HourlyPrices> {
  const client = new PricingClient({ region: REGION })
  const ask = async (service: string, facts: Readonly<Record<string, string>>): Promise<number | null> => {
    try {
      const filters = Object.entries({ regionCode: config.region, ...facts }).map(([Field, Value]) => ({ Type: 'TERM_MATCH' as const, Field, Value }))
      const { PriceList = [] } = await client.send(new GetProductsCommand({ ServiceCode: service, Filters: filters, MaxResults: 10 }), { abortSignal: signal })
      const entries: readonly unknown[] = PriceList
      return entries.map((entry) => hourly(String(entry))).find((price) => price !== null) ?? null
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof Error) return null
      throw error
    }
  }
  const { database } = config
  const [instance, stored] = await Promise.all([
    ask('AmazonEC2', { instanceType: config.master.instanceType, operatingSystem: 'Linux', tenancy: 'Shared', preInstalledSw: 'NA', capacitystatus: 'Used' }),
    database.kind === 'postgres' ? ask('AmazonRDS', { instanceType: database.instanceClass, databaseEngine: 'PostgreSQL', deploymentOption: 'Single-AZ' })
      : database.kind === 'aurora' ? ask('AmazonRDS', { databaseEngine: 'Aurora PostgreSQL', productFamily: 'ServerlessV2' }) : null,
  ])
  return { instance, database: stored }
}

/** Dollars of the first on-demand dimension of one product. */
export function hourly(product: string): number | null {
  const terms = deep(JSON.parse(product), ['terms', 'OnDemand'])
  const dimensions = Object.values(mapping(terms)).flatMap((term) => Object.values(mapping(mapping(term)['priceDimensions'])))
  const prices = dimensions.map((one) => Number(mapping(mapping(one)['pricePerUnit'])['USD'])).filter((price) => price > 0)
  return prices[0] ?? null
}

function deep(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, key) => mapping(at)[key], value)
}

function mapping(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
