import { realClock, type Clock } from '../../../protocol/kit/clock.ts'
import { openCapacity } from './capacity.ts'
import { openZones } from './facts.ts'
import type { Controls, Ec2Sim, Notice } from './door.ts'
import { end, freeze, truth } from './instances.ts'
import { CAUSES } from './life.ts'
import { formOf, MotoError, openMoto } from './moto.ts'
import { openRecorder } from './recorder.ts'
import { openRules } from './rules.ts'
import { openRunInstances } from './run-instances.ts'
import { serve } from './server.ts'
import { openSpotPrices } from './spot-prices.ts'
import type { World } from './world.ts'
import { textAt } from './xml.ts'

export interface Ec2SimOptions {
  /** base URL of a moto_server */
  moto: string
  clock?: Clock
  /** a free one where it is left out */
  port?: number
  region?: string
}

export async function startEc2Sim({ moto: url, clock = realClock, port = 0, region = 'us-east-1' }: Ec2SimOptions): Promise<Ec2Sim> {
  const closing = new AbortController()
  const world = openWorld(url, clock)
  const rules = openRules()
  const recorder = openRecorder()
  const zones = openZones(world.moto)
  const listeners = new Set<(notice: Notice) => void>()
  const notices: Notice[] = []
  const tell = (notice: Notice): void => {
    notices.push(notice)
    for (const listener of listeners) listener(notice)
  }
  const regionOf = (id: string): string => world.lives.get(id)?.region ?? region
  const finish = async (id: string, cause: (typeof CAUSES)[keyof typeof CAUSES]): Promise<void> => {
    const answer = await end(world, regionOf(id), [id], cause)
    if (answer.status !== 200) throw new MotoError(answer)
  }
  const sim: Controls = {
    settings: world.settings,
    rule: rules.add,
    rules: rules.list,
    removeRule: rules.remove,
    clearRules: rules.clear,
    capacity: world.capacity.set,
    spotPrice: world.prices.add,
    spotPrices: world.prices.history,
    console: (id, text) => void world.consoles.set(id, text),
    calls: recorder.calls,
    clearCalls: recorder.clear,
    freezeLists: (byId = false) => freeze(world, region, byId),
    thawLists: () => void (world.lists.frozen = null),
    emptyLists: (times) => void (world.lists.empty = times),
    instances: () => truth(world, region),
    async userData(id) {
      const { root } = await world.moto.ask(formOf('DescribeInstanceAttribute', { InstanceId: id, Attribute: 'userData' }), regionOf(id))
      return Buffer.from(textAt(root, 'userData', 'value'), 'base64').toString('utf8')
    },
    interrupt(id, { noticeMs }) {
      if (noticeMs > 0) tell({ instance: id, kind: 'spot', at: new Date(clock.wallMs() + noticeMs) })
      void clock.sleep(noticeMs, closing.signal).then(() => (closing.signal.aborted ? undefined : finish(id, CAUSES.spot)))
    },
    rebalance: (id) => tell({ instance: id, kind: 'rebalance', at: new Date(clock.wallMs()) }),
    async powerOff(id) {
      if (world.lives.get(id)?.onShutdown === 'terminate') await finish(id, CAUSES.instance)
      else await world.moto.ask(formOf('StopInstances', { 'InstanceId.1': id }), regionOf(id))
    },
    onNotice(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    notices: () => notices,
  }
  const server = await serve({ world, zones, rules, recorder, launcher: openRunInstances(world, zones) }, sim, port, closing.signal)
  return {
    ...sim, url: server.url,
    async close() {
      closing.abort()
      await server.close()
    },
  }
}

function openWorld(url: string, clock: Clock): World {
  let last: Promise<unknown> = Promise.resolve()
  return {
    clock, moto: openMoto(url), capacity: openCapacity(), prices: openSpotPrices(() => clock.wallMs()), lives: new Map(), consoles: new Map(),
    settings: { pendingMs: 0, shuttingDownMs: 0, hideNewMs: 0, forgetAfterMs: null, pageSize: null },
    lists: { frozen: null, frozenById: false, empty: 0, pages: new Map() },
    oneByOne(work) {
      const mine = last.then(work, work)
      last = mine.catch(() => undefined)
      return mine
    },
  }
}
