import type { Form } from './form.ts'
import { formOf, type Moto } from './moto.ts'
import type { CallFacts } from './rules.ts'
import { childrenOf, find, textAt } from './xml.ts'

/** Zones of subnets never change: asked once each. */
export interface Zones {
  ofSubnet(subnet: string, region: string): Promise<string>
  all(region: string): Promise<string[]>
}

export function openZones(moto: Moto): Zones {
  const known = new Map<string, string>()
  return {
    async ofSubnet(subnet, region) {
      const found = known.get(subnet)
      if (found !== undefined) return found
      const answer = await moto.ask(formOf('DescribeSubnets', { 'Filter.1.Name': 'subnet-id', 'Filter.1.Value.1': subnet }), region)
      const item = find(answer.root, 'subnetSet', 'item')
      const zone = item ? textAt(item, 'availabilityZone') : ''
      if (zone !== '') known.set(subnet, zone)
      return zone
    },
    async all(region) {
      const answer = await moto.ask(formOf('DescribeAvailabilityZones', {}), region)
      const info = find(answer.root, 'availabilityZoneInfo')
      return info ? childrenOf(info).map((item) => textAt(item, 'zoneName')) : []
    },
  }
}

/** What rules, capacity and prices ask about a call. */
export async function factsOf(form: Form, region: string, zones: Zones): Promise<CallFacts> {
  const at = (name: string): string => form.entries.get(name) ?? ''
  const subnet = at('SubnetId') || at('NetworkInterface.1.SubnetId')
  const launches = form.action === 'RunInstances'
  return {
    action: form.action, type: at('InstanceType'), subnet,
    zone: at('Placement.AvailabilityZone') || (subnet ? await zones.ofSubnet(subnet, region) : ''),
    market: launches ? (at('InstanceMarketOptions.MarketType') === 'spot' ? 'spot' : 'on-demand') : '',
    count: launches ? Number(at('MaxCount') || 1) : 0,
  }
}
