import { DescribeInstanceTypesCommand, type EC2Client, type _InstanceType } from '@aws-sdk/client-ec2'
import type { Caller } from './caller.ts'
import { CloudError } from './door.ts'

/** How many network cards of a type take an EFA: a fact of the type, asked once. CloudError where it takes none. */
export function createEfaCards(client: EC2Client, caller: Caller): (type: string) => Promise<number> {
  const known = new Map<string, number>()

  return async (type) => {
    const seen = known.get(type)
    if (seen !== undefined) return seen
    const answer = await caller.call('DescribeInstanceTypes', (send) => send((options) => client.send(new DescribeInstanceTypesCommand({ InstanceTypes: [type as _InstanceType] }), options)))
    const network = answer.InstanceTypes?.[0]?.NetworkInfo
    if (network?.EfaSupported !== true) throw new CloudError('parameters', 'UnsupportedEfa', `the type ${type} takes no EFA: leave efa out of the pool, or choose a type such as p5.48xlarge`)
    const cards = network.EfaInfo?.MaximumEfaInterfaces ?? 1
    known.set(type, cards)
    return cards
  }
}
