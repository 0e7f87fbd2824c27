import { DescribeInstancesCommand, EC2Client, RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { createCaller } from './caller.ts'
import { readConsole } from './console.ts'
import { CloudError, type Cloud, type CloudLaunch } from './door.ts'
import { createEfaCards } from './efa-cards.ts'
import { createImageParameter } from './image-parameter.ts'
import { createTypes } from './instance-types.ts'
import { askKnown } from './known-ids.ts'
import { allPages } from './pages.ts'
import { createPlaces } from './places.ts'
import { readInstances } from './read-instance.ts'
import { createRootDevice } from './root-device.ts'
import { runInput, TAG_CLUSTER, type LaunchFound } from './run-input.ts'
import { askSpotPrices } from './spot-prices.ts'

const DEADLINE_MS = 30_000

export interface CloudOptions {
  region: string
  /** value of the tag `drover:cluster` */
  clusterId: string
  log: Log
  clock: Clock
  /** ends every call */
  signal: AbortSignal
  /** of one call; shorter in tests */
  deadlineMs?: number
}

/**
 * EC2 of one region through the AWS SDK, with its default chain of credentials and its standard variables (AWS_PROFILE,
 * AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_EC2 ...). The SDK retries nothing: who calls knows what a second try means.
 */
export function createCloud(options: CloudOptions): Cloud {
  const { region, clusterId, clock, signal } = options
  const log = options.log.child({ region })
  const client = new EC2Client({ region, maxAttempts: 1, requestHandler: { connectionTimeout: 5_000 } })
  const caller = createCaller({ region, clock, signal, deadlineMs: options.deadlineMs ?? DEADLINE_MS })
  const rootDevice = createRootDevice(client, caller)
  const deps = { client, caller, clock }
  const imageParameter = createImageParameter({ region, caller, clock })
  const efaCards = createEfaCards(client, caller)

  async function find({ settings, type }: CloudLaunch): Promise<LaunchFound> {
    const imageId = settings.imageId.startsWith('ssm:') ? await imageParameter(settings.imageId.slice(4)) : settings.imageId
    return { imageId, rootDevice: await rootDevice(imageId), efaCards: settings.efa ? await efaCards(type) : 0 }
  }

  return {
    types: createTypes(deps),
    places: createPlaces(deps),
    async launch(launch) {
      const input = runInput(launch, clusterId, await find(launch))
      const answer = await caller.call('RunInstances', (send) => send((sending) => client.send(new RunInstancesCommand(input), sending)))
      const made = readInstances([{ Instances: listed(answer.Instances) }]).map((instance) => ({ ...instance, launch: launch.token, pool: launch.pool }))
      log.info({ launch: launch.token, pool: launch.pool, type: launch.type, zone: launch.place.zone, market: launch.market, instances: made.map(({ id }) => id) }, 'EC2 made instances')
      return made
    },
    list: () =>
      caller.call('DescribeInstances', (send) => allPages(async (token) => {
        const input = { Filters: [{ Name: `tag:${TAG_CLUSTER}`, Values: [clusterId] }], MaxResults: 1000, ...(token === undefined ? {} : { NextToken: token }) }
        const answer = await send((sending) => client.send(new DescribeInstancesCommand(input), sending))
        return { items: readInstances(listed(answer.Reservations)), next: answer.NextToken }
      })),
    describe: (ids) =>
      askKnown(ids, (some) => caller.call('DescribeInstances', async (send) => {
        const answer = await send((sending) => client.send(new DescribeInstancesCommand({ InstanceIds: [...some] }), sending))
        return readInstances(listed(answer.Reservations))
      })),
    async terminate(ids) {
      await askKnown(ids, (some) => caller.call('TerminateInstances', async (send) => {
        await send((sending) => client.send(new TerminateInstancesCommand({ InstanceIds: [...some] }), sending))
        return []
      }))
      log.debug({ instances: ids }, 'EC2 was asked to end instances')
    },
    console: (id) => readConsole(client, caller, id),
    spotPrices: (types) => askSpotPrices(deps, types),
    close: () => client.destroy(),
  }
}

/** An answer without a list, such as a proxy's own page, is no answer: nothing may be taken for gone because of it. */
function listed<T>(list: T[] | undefined): T[] {
  if (list === undefined) throw new CloudError('unavailable', 'NoList', 'what answered for EC2 gave no list of instances')
  return list
}
