import type { Controls } from './door.ts'
import type { Rule } from './rules.ts'
import type { Settings } from './world.ts'

export const CONTROL = '/_ec2sim/'

interface Place {
  type: string
  zone: string
}

/**
 * The control port: what a test does in its own process, as JSON over HTTP. Answers `{}` where there is nothing to tell.
 * Throws what is wrong, in words; the server answers 502 with them.
 */
export async function answerControl(sim: Controls, method: string, path: string, body: string): Promise<unknown> {
  const url = new URL(path, 'http://ec2sim')
  const [name = '', id = ''] = url.pathname.slice(CONTROL.length).split('/')
  const json: unknown = body === '' ? {} : JSON.parse(body)
  switch (`${method} ${name}`) {
    case 'GET calls': return sim.calls(url.searchParams.get('action') ?? undefined)
    case 'DELETE calls': return done(sim.clearCalls())
    case 'GET rules': return sim.rules()
    case 'POST rules': return { id: sim.rule(json as Rule).id }
    case 'DELETE rules': return id === '' ? done(sim.clearRules()) : { removed: sim.removeRule(Number(id)) }
    case 'GET settings': return sim.settings
    case 'PATCH settings': return Object.assign(sim.settings, known(sim.settings, json as Partial<Settings>))
    case 'PUT capacity': {
      const { type, zone, market, size } = json as Place & { market: 'on-demand' | 'spot'; size: number | null }
      return done(sim.capacity(type, zone, market, size))
    }
    case 'GET spot-prices': return sim.spotPrices()
    case 'POST spot-prices': {
      const { at, ...price } = json as Place & { perHour: number; at?: string }
      return done(sim.spotPrice(at === undefined ? price : { ...price, at: new Date(at) }))
    }
    case 'PUT console': return done(sim.console(id, (json as { text: string }).text))
    case 'POST freeze-lists': return done(await sim.freezeLists((json as { byId?: boolean }).byId))
    case 'POST thaw-lists': return done(sim.thawLists())
    case 'POST empty-lists': return done(sim.emptyLists((json as { times: number }).times))
    case 'GET instances': return sim.instances()
    case 'POST interrupt': return done(sim.interrupt(id, json as { noticeMs: number }))
    case 'POST rebalance': return done(sim.rebalance(id))
    case 'POST power-off': return done(await sim.powerOff(id))
    case 'GET notices': return sim.notices()
    default: throw new Error(`${method} ${path} is nothing that ec2sim knows`)
  }
}

function done(_nothing: void): Record<string, never> {
  return {}
}

function known(settings: Settings, changes: Partial<Settings>): Partial<Settings> {
  const strange = Object.keys(changes).find((name) => !(name in settings))
  if (strange !== undefined) throw new Error(`there is no setting ${strange}: take ${Object.keys(settings).join(', ')}`)
  return changes
}
