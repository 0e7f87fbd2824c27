import { DescribeInstanceTypesCommand, type EC2Client, type GpuInfo, type InstanceTypeInfo } from '@aws-sdk/client-ec2'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { TypeFacts } from '../scale/pool.ts'
import type { Caller } from './caller.ts'
import { allPages } from './pages.ts'

const KNOWN_MS = 24 * 3_600_000
/** a name that EC2 does not know may be a type that it is about to have */
const UNKNOWN_MS = 600_000
/** values of one filter */
const NAMES_MAX = 200

/** Facts of types, asked once a day. */
export function createTypes({ client, caller, clock }: { client: EC2Client; caller: Caller; clock: Clock }): (names: readonly string[]) => Promise<TypeFacts[]> {
  const known = new Map<string, { facts: TypeFacts | null; until: number }>()

  return async (names) => {
    const now = clock.monotonicMs()
    const wanted = [...new Set(names)].filter((name) => (known.get(name)?.until ?? -Infinity) <= now)
    for (let from = 0; from < wanted.length; from += NAMES_MAX) {
      const some = wanted.slice(from, from + NAMES_MAX)
      const facts = await describe(some)
      for (const name of some) {
        const found = facts.find((one) => one.type === name) ?? null
        known.set(name, { facts: found, until: now + (found === null ? UNKNOWN_MS : KNOWN_MS) })
      }
    }
    return names.flatMap((name) => known.get(name)?.facts ?? [])
  }

  /** By filter: a name in the list itself that EC2 does not know would fail the whole request. */
  function describe(names: string[]): Promise<TypeFacts[]> {
    return caller.call('DescribeInstanceTypes', (send) => allPages(async (token) => {
      const input = { Filters: [{ Name: 'instance-type', Values: names }], MaxResults: 100, ...(token === undefined ? {} : { NextToken: token }) }
      const answer = await send((options) => client.send(new DescribeInstanceTypesCommand(input), options))
      return { items: (answer.InstanceTypes ?? []).map(factsOf), next: answer.NextToken }
    }))
  }
}

function factsOf(info: InstanceTypeInfo): TypeFacts {
  return { type: info.InstanceType ?? '', gpus: gpusOf(info.GpuInfo), vcpus: info.VCpuInfo?.DefaultVCpus ?? 0 }
}

/** NVIDIA's only: agents count no others. A part of a GPU (g6f) has count 0 and is one logical GPU. */
export function gpusOf(info: GpuInfo | undefined): number {
  const gpus = (info?.Gpus ?? []).filter((gpu) => gpu.Manufacturer === undefined || /nvidia/i.test(gpu.Manufacturer))
  return gpus.reduce((sum, gpu) => sum + (gpu.Count || gpu.LogicalGpuCount || 0), 0)
}
