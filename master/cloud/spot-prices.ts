import { DescribeSpotPriceHistoryCommand, type EC2Client, type SpotPrice } from '@aws-sdk/client-ec2'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Caller } from './caller.ts'
import type { Cloud } from './door.ts'
import { allPages } from './pages.ts'

type Prices = Awaited<ReturnType<Cloud['spotPrices']>>

/** A history that begins now holds the one price that is valid now, of each type and zone. */
export async function askSpotPrices(deps: { client: EC2Client; caller: Caller; clock: Clock }, types: readonly string[]): Promise<Prices> {
  if (types.length === 0) return []
  const which = { Filters: [{ Name: 'instance-type', Values: [...new Set(types)] }], ProductDescriptions: ['Linux/UNIX'], StartTime: new Date(deps.clock.wallMs()), MaxResults: 1000 }
  const history = await deps.caller.call('DescribeSpotPriceHistory', (send) => allPages(async (token) => {
    const answer = await send((options) => deps.client.send(new DescribeSpotPriceHistoryCommand({ ...which, ...(token === undefined ? {} : { NextToken: token }) }), options))
    return { items: answer.SpotPriceHistory ?? [], next: answer.NextToken }
  }))
  return newestPrices(history)
}

/** One price for each type and zone, ordered by both. */
export function newestPrices(history: readonly SpotPrice[]): Prices {
  const newest = new Map<string, { type: string; zone: string; perHour: number; at: number }>()
  for (const { InstanceType: type, AvailabilityZone: zone, SpotPrice: price, Timestamp } of history) {
    const perHour = Number(price)
    if (type === undefined || zone === undefined || !(perHour > 0)) continue
    const at = Timestamp?.getTime() ?? 0
    const seen = newest.get(`${type} ${zone}`)
    if (seen === undefined || seen.at < at) newest.set(`${type} ${zone}`, { type, zone, perHour, at })
  }
  return [...newest.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { type, zone, perHour }]) => ({ type, zone, perHour }))
}
