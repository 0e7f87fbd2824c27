import { DescribeSubnetsCommand, type DescribeSubnetsCommandInput, type EC2Client } from '@aws-sdk/client-ec2'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Place } from '../scale/pool.ts'
import type { Caller } from './caller.ts'
import { allPages } from './pages.ts'

const KNOWN_MS = 600_000

/** Subnets with their zones, in the given order; without any, the default subnet of each zone, by zone. Asked every ten minutes. */
export function createPlaces({ client, caller, clock }: { client: EC2Client; caller: Caller; clock: Clock }): (subnets: readonly string[]) => Promise<Place[]> {
  const known = new Map<string, { places: Place[]; until: number }>()

  return async (subnets) => {
    const key = subnets.join()
    const seen = known.get(key)
    if (seen !== undefined && seen.until > clock.monotonicMs()) return [...seen.places]
    const places = ordered(await describe(subnets), subnets)
    if (places.length > 0) known.set(key, { places, until: clock.monotonicMs() + KNOWN_MS })
    return [...places]
  }

  async function describe(subnets: readonly string[]): Promise<Place[]> {
    const which: DescribeSubnetsCommandInput = subnets.length > 0 ? { SubnetIds: [...subnets] } : { Filters: [{ Name: 'default-for-az', Values: ['true'] }] }
    const found = await caller.call('DescribeSubnets', (send) => allPages(async (token) => {
      const answer = await send((options) => client.send(new DescribeSubnetsCommand({ ...which, ...(token === undefined ? {} : { NextToken: token }) }), options))
      return { items: answer.Subnets ?? [], next: answer.NextToken }
    }))
    return found.flatMap(({ SubnetId, AvailabilityZone }) => (SubnetId === undefined || AvailabilityZone === undefined ? [] : [{ subnet: SubnetId, zone: AvailabilityZone }]))
  }
}

function ordered(places: Place[], subnets: readonly string[]): Place[] {
  if (subnets.length === 0) return places.sort((a, b) => (a.zone < b.zone ? -1 : 1))
  return subnets.flatMap((subnet) => places.find((place) => place.subnet === subnet) ?? [])
}
