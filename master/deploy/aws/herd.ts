import { DescribeInstancesCommand, EC2Client, TerminateInstancesCommand, type Filter, type Instance } from '@aws-sdk/client-ec2'
import { setTimeout as sleep } from 'node:timers/promises'
import { TAG_INSTALLATION } from '../words.ts'

const POLL_MS = 2_000
const BATCH = 100
const LIVING = ['pending', 'running', 'stopping', 'stopped', 'shutting-down']

export interface Machine {
  readonly id: string
  readonly type: string
  readonly state: string
  readonly name: string
}

/** The installation's machines, by tag: what the master launched and the master's own. */
export interface Machines {
  living(installation: string): Promise<Machine[]>
  /** asks until EC2 says that all are gone; `tell` hears how many are left */
  end(installation: string, tell: (left: number) => void): Promise<number>
}

export function openMachines({ region, signal }: { region: string; signal: AbortSignal }): Machines {
  const client = new EC2Client({ region })
  const options = { abortSignal: signal }

  async function living(installation: string): Promise<Machine[]> {
    const filters: Filter[] = [{ Name: `tag:${TAG_INSTALLATION}`, Values: [installation] }, { Name: 'instance-state-name', Values: LIVING }]
    const found: Instance[] = []
    let token: string | undefined
    do {
      const page = await client.send(new DescribeInstancesCommand({ Filters: filters, NextToken: token }), options)
      found.push(...(page.Reservations ?? []).flatMap((reservation) => reservation.Instances ?? []))
      token = page.NextToken
    } while (token !== undefined)
    return found.map((one) => ({ id: one.InstanceId ?? '', type: one.InstanceType ?? '', state: one.State?.Name ?? '', name: one.Tags?.find((tag) => tag.Key === 'Name')?.Value ?? '' }))
  }

  return {
    living,
    async end(installation, tell) {
      const first = await living(installation)
      for (let left = first; left.length > 0; left = await living(installation)) {
        tell(left.length)
        const alive = left.filter((one) => one.state !== 'shutting-down').map((one) => one.id)
        for (let from = 0; from < alive.length; from += BATCH) await client.send(new TerminateInstancesCommand({ InstanceIds: alive.slice(from, from + BATCH) }), options)
        await sleep(POLL_MS, undefined, { signal })
      }
      return first.length
    },
  }
}
