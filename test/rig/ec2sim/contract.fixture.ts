import {
  DescribeInstancesCommand, EC2Client, RunInstancesCommand, TerminateInstancesCommand,
  type DescribeInstancesCommandInput, type Instance, type InstanceStateChange, type RunInstancesCommandInput, type RunInstancesCommandOutput,
} from '@aws-sdk/client-ec2'
import type { Clock } from '../../../protocol/kit/clock.ts'
import { missingMoto, startMoto, type OwnMoto } from '../moto.ts'
import { startEc2Sim } from './ec2sim.ts'
import type { Ec2Sim } from './door.ts'

/** Any: moto looks at none. */
export const IMAGE = 'ami-1e749f67'

export const missing = missingMoto()

/** A simulator, and clients of it and of the moto behind its back. */
export interface Bench {
  sim: Ec2Sim
  ec2: EC2Client
  behind: EC2Client
  /** of the simulator: stands still but for `pass` */
  clock: HandClock
  close(): Promise<void>
}

export function clientOf(endpoint: string): EC2Client {
  return new EC2Client({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1 })
}

/** On an empty moto. */
export async function openBench(moto: OwnMoto): Promise<Bench> {
  await moto.reset()
  const clock = handClock()
  const sim = await startEc2Sim({ moto: moto.url, clock })
  const ec2 = clientOf(sim.url)
  const behind = clientOf(moto.url)
  return {
    sim, ec2, behind, clock,
    async close() {
      ec2.destroy()
      behind.destroy()
      await sim.close()
    },
  }
}

export { startMoto, type OwnMoto }

export interface HandClock extends Clock {
  pass(ms: number): void
  /** how many sleep */
  sleepers(): number
}

function handClock(): HandClock {
  let at = 0
  const sleepers = new Set<{ until: number; wake: () => void }>()
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => at,
    sleepers: () => sleepers.size,
    sleep: (ms, signal) => new Promise((resolve) => {
      if (ms <= 0 || signal.aborted) return resolve()
      const one = { until: at + ms, wake: () => (sleepers.delete(one), resolve()) }
      sleepers.add(one)
      signal.addEventListener('abort', one.wake, { once: true })
    }),
    pass(ms) {
      at += ms
      for (const one of sleepers) if (one.until <= at) one.wake()
    },
  }
}

export function run(ec2: EC2Client, input: Partial<RunInstancesCommandInput> = {}): Promise<RunInstancesCommandOutput> {
  return ec2.send(new RunInstancesCommand({ ImageId: IMAGE, InstanceType: 'c5.large', MinCount: 1, MaxCount: 1, ...input }))
}

export async function runOne(ec2: EC2Client, input: Partial<RunInstancesCommandInput> = {}): Promise<string> {
  return idsOf((await run(ec2, input)).Instances)[0] ?? ''
}

export function idsOf(instances: readonly Instance[] | undefined): string[] {
  return (instances ?? []).map((instance) => instance.InstanceId ?? '')
}

/** One page. */
export async function list(ec2: EC2Client, input: DescribeInstancesCommandInput = {}): Promise<Instance[]> {
  return ((await ec2.send(new DescribeInstancesCommand(input))).Reservations ?? []).flatMap((reservation) => reservation.Instances ?? [])
}

export async function stateOf(ec2: EC2Client, id: string): Promise<string> {
  return (await list(ec2, { InstanceIds: [id] }))[0]?.State?.Name ?? 'none'
}

export async function terminate(ec2: EC2Client, ...ids: string[]): Promise<InstanceStateChange[]> {
  return (await ec2.send(new TerminateInstancesCommand({ InstanceIds: ids }))).TerminatingInstances ?? []
}

/** EC2's code, HTTP status and words of the error that `call` ends with; throws where it ends well. */
export async function errorOf(call: Promise<unknown>): Promise<{ code: string; status: number | undefined; message: string }> {
  try {
    await call
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const status = '$metadata' in error ? (error.$metadata as { httpStatusCode?: number }).httpStatusCode : undefined
    return { code: error.name, status, message: error.message }
  }
  throw new Error('the call ended well')
}
