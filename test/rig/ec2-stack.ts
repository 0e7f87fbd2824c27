import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { stringify } from 'yaml'
import { startEc2Sim } from './ec2sim/ec2sim.ts'
import type { Ec2Sim } from './ec2sim/door.ts'
import type { SimInstance } from './ec2sim/instances.ts'
import { startLauncher, type Launcher, type LauncherOptions } from './launcher.ts'
import { missingMoto, startMoto } from './moto.ts'
import { until } from './processes.ts'
import { freePort } from '../../images/local/processes.ts'
import { natsClient, startTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { missingParts, startStack, type Stack, type StackOptions } from './stack.ts'

/** A machine image that moto knows. */
export const IMAGE = 'ami-785db401'

export interface Ec2StackOptions extends Pick<StackOptions, 'env'>, Partial<Pick<LauncherOptions, 'cpuSlots' | 'bootMs' | 'boots'>> {
  /** master.yaml, beside what the rig gives the master by its environment */
  config?: Record<string, unknown>
  /** for the environment of agents */
  agentEnv?: Record<string, string>
  /** where agents reach the masters; default: the first master itself */
  agentUrl?: string
}

/** A cluster whose agents all come from EC2: master, Postgres, NATS; ec2sim before a moto of its own; checkpoints in its S3. */
export interface Ec2Stack extends Omit<Stack, 'agent'> {
  sim: Ec2Sim
  launcher: Launcher
  /** before nats-server, for masters and agents; a client is an agent's id, or `drover-master` */
  natsLine: TcpProxy
  /** of moto itself: what is done there, ec2sim has not seen */
  motoUrl: string
  bucket: string
  /** also the label `drover.cluster` of its containers: other clusters may use the same engine */
  clusterId: string
  /** keys in the bucket */
  objects(): Promise<string[]>
  /** as they are, in the order of launch; without names all */
  instances(...states: SimInstance['state'][]): Promise<SimInstance[]>
  /** waits until exactly so many are in the state, and gives them */
  untilInstances(state: SimInstance['state'], count: number, ms?: number): Promise<SimInstance[]>
  /** `/api/v1/drover/events`, oldest first */
  events(query?: Record<string, string>): Promise<DroverEvent[]>
  /** the newest events and EC2's calls in lines, for the message of a failure */
  story(): Promise<string>
}

export interface DroverEvent {
  id: number
  /** RFC 3339 */
  time: string
  kind: string
  text: string
  allocationId: string | null
  agentId: string | null
  instanceId: string | null
}

/** Null where all real parts are there. */
export function missingEc2Parts(): string | null {
  return missingParts() ?? missingMoto()
}

export async function startEc2Stack(options: Ec2StackOptions = {}): Promise<Ec2Stack> {
  const ends: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).toReversed()) await end()
  }
  try {
    return await begin(options, (end) => void ends.push(end), stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function begin(options: Ec2StackOptions, atEnd: (end: () => Promise<void>) => void, stop: () => Promise<void>): Promise<Ec2Stack> {
  const moto = await startMoto()
  atEnd(() => moto.stop())
  const sim = await startEc2Sim({ moto: moto.url })
  atEnd(() => sim.close())
  const bucket = `drover-${randomUUID().slice(0, 8)}`
  const s3 = new S3Client({ endpoint: moto.url, forcePathStyle: true, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  atEnd(async () => s3.destroy())
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  const natsPort = await freePort()
  const natsLine = await startTcpProxy({ target: natsPort, nameOf: natsClient })
  atEnd(() => natsLine.close())
  const lines = { DROVER_NATS_URL: `nats://127.0.0.1:${natsLine.port}`, ...(options.agentUrl === undefined ? {} : { DROVER_AGENT_URL: options.agentUrl }) }
  const stack = await startStack({
    agents: 0, natsPort, bucket: `s3://${bucket}/herd?endpoint=${encodeURIComponent(sim.url)}&region=us-east-1`, env: { AWS_ENDPOINT_URL: sim.url, ...lines, ...options.env },
    ...(options.config === undefined ? {} : { yaml: stringify(options.config) }),
  })
  atEnd(() => stack.stop())
  const launcher = startLauncher({
    sim, dockerHost: stack.dockerHost, dir: join(stack.dir, 'instances'), cpuSlots: options.cpuSlots ?? { 'c5.large': 2 }, bootMs: options.bootMs ?? 0, boots: options.boots ?? 'ok', env: options.agentEnv ?? {},
  })
  atEnd(() => launcher.close())
  const { clusterId } = await stack.client.get<{ clusterId: string }>('/api/v1/master')
  const instances = async (...states: SimInstance['state'][]): Promise<SimInstance[]> => (await sim.instances()).filter((one) => states.length === 0 || states.includes(one.state))
  const events: Ec2Stack['events'] = async (query = {}) => (await stack.client.get<{ events: DroverEvent[] }>(`/api/v1/drover/events?${new URLSearchParams({ limit: '1000', ...query })}`)).events
  const story = async (): Promise<string> => [
    ...(await events()).slice(-30).map((event) => `${event.kind}: ${event.text}`),
    ...sim.calls().filter((call) => call.action !== 'DescribeInstances').slice(-20).map((call) => `${new Date(call.at).toISOString()} ${call.action} ${call.outcome} ${call.instances.join(' ')}`),
    ...launcher.troubles.map((trouble) => `launcher: ${trouble}`),
  ].join('\n')
  return {
    ...stack, sim, launcher, natsLine, motoUrl: moto.url, bucket, clusterId, instances, events, story, stop,
    objects: async () => ((await s3.send(new ListObjectsV2Command({ Bucket: bucket }))).Contents ?? []).map((object) => object.Key ?? ''),
    async untilInstances(state, count, ms = 60_000) {
      await until(`${count} instances are ${state}`, ms, async () => (await instances(state)).length === count, 200).catch(async (error: unknown) => {
        const found = (await instances()).map((one) => `${one.id} ${one.type} ${one.state}`).join(', ') || 'none'
        throw new Error(`${error instanceof Error ? error.message : String(error)}\ninstances: ${found}\n${await story()}`, { cause: error })
      })
      return instances(state)
    },
  }
}
