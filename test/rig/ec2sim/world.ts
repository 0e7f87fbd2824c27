import type { Clock } from '../../../protocol/kit/clock.ts'
import type { Capacity } from './capacity.ts'
import type { Form } from './form.ts'
import type { Life } from './life.ts'
import type { Moto } from './moto.ts'
import type { CallFacts } from './rules.ts'
import type { SpotPrices } from './spot-prices.ts'
import type { Xml } from './xml.ts'

/** May be changed at any time; the first three hold for what is launched or ended from then on. */
export interface Settings {
  pendingMs: number
  shuttingDownMs: number
  /** new instances are not known to lists and to calls by id for so long */
  hideNewMs: number
  /** a terminated instance is forgotten after so long; null = never */
  forgetAfterMs: number | null
  /** a list gives at most so many reservations a page, asked or not; null = all that were asked for */
  pageSize: number | null
}

export interface World {
  readonly clock: Clock
  readonly moto: Moto
  readonly settings: Settings
  readonly capacity: Capacity
  readonly prices: SpotPrices
  readonly lives: Map<string, Life>
  readonly consoles: Map<string, string>
  readonly lists: StaleLists
  /** RunInstances one after the other: what one takes, the next has not */
  oneByOne<T>(work: () => Promise<T>): Promise<T>
}

export interface StaleLists {
  /** every instance as it was told when the lists froze, by id; null = not frozen */
  frozen: Map<string, Xml> | null
  frozenById: boolean
  /** so many more lists tell of nothing */
  empty: number
  /** pages still to come, by NextToken */
  pages: Map<string, Xml[]>
}

/** A call of the Query protocol that has passed the rules. */
export interface Call {
  form: Form
  region: string
  facts: CallFacts
}

export function now(world: World): number {
  return world.clock.monotonicMs()
}

export function lifeOf(world: World, id: string, region: string): Life {
  const known = world.lives.get(id)
  if (known) return known
  const life: Life = { id, region, runningAt: 0, visibleAt: 0, onShutdown: 'stop', endedAt: null, seenEndedAt: null, terminatedAt: 0, cause: null }
  world.lives.set(id, life)
  return life
}

/** EC2 would say that it does not know the id: too new, or long gone. */
export function isUnknown(world: World, id: string): boolean {
  const life = world.lives.get(id)
  if (!life) return false
  const at = now(world)
  const { forgetAfterMs } = world.settings
  return at < life.visibleAt || (forgetAfterMs !== null && life.seenEndedAt !== null && at >= Math.max(life.seenEndedAt, life.terminatedAt) + forgetAfterMs)
}
