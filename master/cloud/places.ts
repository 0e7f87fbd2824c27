import { DescribeSubnetsCommand, type DescribeSubnetsCommandInput, type EC2Client } from '@aws-sdk/client-ec2'
import type { Place } from '../scale/pool.ts'
import type { Caller } from './caller.ts'
import { allPages } from './pages.ts'

/** Subnets with their zones, in the given order; without any, the default subnet of each zone, by zone. */
export async function findPlaces(client: EC2Client, caller: Caller, subnets: readonly string[]): Promise<Place[]> {
  const which: DescribeSubnetsCommandInput = subnets.length > 0 ? { SubnetIds: [...subnets] } : { Filters: [{ Name: 'default-for-az', Values: ['true'] }] }
  const found = await caller.call('DescribeSubnets', (send) => allPages(async (token) => {
    const answer = await send((options) => client.send(new DescribeSubnetsCommand({ ...which, ...(token === undefined ? {} : { NextToken: token }) }), options))
    return { items: answer.Subnets ?? [], next: answer.NextToken }
  }))
  const places = found.flatMap(({ SubnetId, AvailabilityZone }) => (SubnetId === undefined || AvailabilityZone === undefined ? [] : [{ subnet: SubnetId, zone: AvailabilityZone }]))
  if (subnets.length === 0) return places.sort((a, b) => (a.zone < b.zone ? -1 : 1))
  return subnets.flatMap((subnet) => places.find((place) => place.subnet === subnet) ?? [])
}
