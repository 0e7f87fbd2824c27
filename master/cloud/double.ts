import type { CloudFailure } from '../../protocol/words/instances.ts'
import type { TypeFacts } from '../scale/pool.ts'
import { CloudError, type Cloud, type CloudInstance, type CloudLaunch } from './door.ts'

type Held = CloudInstance & { cluster: string; region: string }

/** For tests: one AWS account in memory, and a door to it for each region. Two doors see the same instances. */
export interface CloudDouble {
  open(region: string, cluster?: string): Cloud
  /** calls of RunInstances in order, refused ones too */
  readonly launches: CloudLaunch[]
  readonly terminated: string[][]
  /** lists and descriptions answered so far */
  readonly asked: { lists: number; ids: string[] }
  /** all instances of all clusters */
  readonly instances: Map<string, Held>
  /** refuses each launch for which `rule` returns an error */
  rule: (launch: CloudLaunch) => CloudError | null
  /** so many replies to launches are lost after the instances were made */
  loseReplies: number
  /** a region that answers nothing: its error */
  down: Map<string, CloudError>
  /** not in lists; with `byId` not by their id either */
  hidden: Map<string, { byId: boolean }>
  /** lists answer with no instance at all */
  emptyLists: boolean
  consoleText: string | Error
  /** an instance that nobody launched through this door */
  insert(over: Partial<Held>): string
  set(id: string, state: CloudInstance['state'], reason?: string): void
}

/** The only image there is. */
export const IMAGE = 'ami-1'

const GPUS: Readonly<Record<string, TypeFacts>> = {
  'g5.xlarge': { type: 'g5.xlarge', gpus: 1, vcpus: 4 }, 'g5.12xlarge': { type: 'g5.12xlarge', gpus: 4, vcpus: 48 },
  'g6.xlarge': { type: 'g6.xlarge', gpus: 1, vcpus: 4 }, 'm5.large': { type: 'm5.large', gpus: 0, vcpus: 2 },
  'g4dn.xlarge': { type: 'g4dn.xlarge', gpus: 1, vcpus: 4 },
}

export function createCloudDouble(clusterId: string, now: () => number = Date.now): CloudDouble {
  const tokens = new Map<string, { parameters: string; ids: string[] }>()
  let serial = 0x1000
  const newId = (): string => `i-${(serial += 1).toString(16).padStart(17, '0')}`
  const double: CloudDouble = {
    launches: [], terminated: [], asked: { lists: 0, ids: [] }, instances: new Map(), rule: () => null, loseReplies: 0, down: new Map(), hidden: new Map(), emptyLists: false, consoleText: '',
    insert(over) {
      const id = over.id ?? newId()
      double.instances.set(id, { id, launch: null, pool: null, type: 'g5.xlarge', zone: 'us-east-1a', market: 'on-demand', state: 'running', stateReason: '', launchedAt: new Date(now()), privateIp: '10.0.0.9', cluster: clusterId, region: 'us-east-1', ...over })
      return id
    },
    set(id, state, reason = '') {
      const held = double.instances.get(id)
      if (!held) throw new Error(`the double holds no instance ${id}`)
      double.instances.set(id, { ...held, state, stateReason: reason })
    },
    open: (region, cluster = clusterId) => openDoor(double, tokens, newId, cluster, region),
  }
  return double
}

function openDoor(double: CloudDouble, tokens: Map<string, { parameters: string; ids: string[] }>, newId: () => string, clusterId: string, region: string): Cloud {
  const answering = async (): Promise<void> => {
    await Promise.resolve()
    const error = double.down.get(region)
    if (error) throw error
  }
  const mine = (): Held[] => [...double.instances.values()].filter((held) => held.region === region)
  return {
    async types(names) {
      await answering()
      return names.flatMap((name) => GPUS[name] ?? [])
    },
    async places(subnets) {
      await answering()
      const all = ['a', 'b'].map((letter) => ({ subnet: `subnet-${region}${letter}`, zone: `${region}${letter}` }))
      if (subnets.length === 0) return all
      return subnets.map((subnet) => {
        const known = all.find((place) => place.subnet === subnet)
        if (!known) throw refuse('parameters', 'InvalidSubnetID.NotFound', `there is no subnet ${subnet}`)
        return known
      })
    },
    async launch(launch) {
      double.launches.push(launch)
      await answering()
      const ids = runInstances(double, tokens, newId, launch, { clusterId, region })
      if (double.loseReplies > 0) {
        double.loseReplies -= 1
        throw new CloudError('unavailable', 'ECONNRESET', 'the reply was lost')
      }
      return ids.flatMap((id) => double.instances.get(id) ?? []).map(toAnswer)
    },
    async list() {
      await answering()
      double.asked.lists += 1
      return double.emptyLists ? [] : mine().filter((held) => held.cluster === clusterId && !double.hidden.has(held.id)).map(toAnswer)
    },
    async describe(ids) {
      await answering()
      double.asked.ids.push(...ids)
      return mine().filter((held) => ids.includes(held.id) && !double.hidden.get(held.id)?.byId).map(toAnswer)
    },
    async terminate(ids) {
      await answering()
      double.terminated.push([...ids])
      for (const held of mine()) if (ids.includes(held.id) && held.state !== 'terminated') double.set(held.id, 'shutting-down', 'Client.UserInitiatedShutdown: User initiated shutdown')
    },
    async console(id) {
      await answering()
      if (!double.instances.has(id)) return ''
      if (double.consoleText instanceof Error) throw double.consoleText
      return double.consoleText
    },
    async spotPrices(types) {
      await answering()
      return types.filter((type) => GPUS[type]).map((type) => ({ type, zone: `${region}a`, perHour: 0.5 }))
    },
    close: () => undefined,
  }
}

/** The same token gives the same instances; with other parameters it is refused, as EC2 does. */
function runInstances(double: CloudDouble, tokens: Map<string, { parameters: string; ids: string[] }>, newId: () => string, launch: CloudLaunch, where: { clusterId: string; region: string }): string[] {
  const parameters = JSON.stringify(launch)
  const before = tokens.get(launch.token)
  if (before) {
    if (before.parameters !== parameters) throw new CloudError('parameters', 'IdempotentParameterMismatch', 'the token was used with other parameters')
    return before.ids
  }
  const refused = double.rule(launch) ?? (launch.settings.imageId === IMAGE ? null : refuse('parameters', 'InvalidAMIID.NotFound', `there is no image ${launch.settings.imageId}`))
  if (refused) throw refused
  const ids = Array.from({ length: launch.max }, () => double.insert({
    id: newId(), launch: launch.token, pool: launch.pool, type: launch.type, zone: launch.place.zone, market: launch.market, state: 'pending', cluster: where.clusterId, region: where.region,
  }))
  tokens.set(launch.token, { parameters, ids })
  return ids
}

function toAnswer({ cluster: _cluster, region: _region, ...instance }: Held): CloudInstance {
  return instance
}

export function refuse(kind: CloudFailure, code: string, text = 'as the test wants it'): CloudError {
  return new CloudError(kind, code, text)
}
