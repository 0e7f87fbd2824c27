import { cureOf } from '../../cloud/cures.ts'
import type { CloudFailure } from '../../../protocol/words/instances.ts'

export interface PoolStanding {
  name: string
  paused: string | null
  /** instances are made for it */
  managed: boolean
  /** as the scale loop wrote it */
  note: string
  /** the dry marks that hold */
  refused: readonly { kind: CloudFailure; code: string }[]
  /** on their way: asked for, or not yet registered */
  starting: number
  /** agents that joined it */
  agents: number
  waiting: number
}

/** What needs a person comes before what passes by itself. */
const BY_NEED: readonly CloudFailure[] = ['permission', 'parameters', 'quota', 'unsupported', 'price', 'capacity', 'throttled', 'unavailable', 'not-found']

/** What a person can do so that the pool's work goes on; '' = nothing waits that a person could help, or the note says it. */
export function poolCure(pool: PoolStanding): string {
  if (pool.paused !== null) return `mend what made its boots fail (drover instance list --pool ${pool.name} --all shows them), then: drover pool resume ${pool.name}`
  const told = splitNote(pool.note).cure
  if (told !== '' || pool.waiting === 0) return told
  if (!pool.managed) return pool.agents === 0 ? `start drover-agent with DROVER_POOL=${pool.name} on a machine with enough slots, or give the pool a provider in master.yaml` : ''
  const [worst] = [...pool.refused].sort((a, b) => BY_NEED.indexOf(a.kind) - BY_NEED.indexOf(b.kind))
  return worst && pool.starting === 0 ? cureOf(worst.kind, worst.code) : ''
}

/** The scale loop ends its sentence with the cure, where it knows one: `1 allocation waits, ... . Cure: ask AWS for more`. */
export function splitNote(text: string): { note: string; cure: string } {
  const at = text.indexOf('. Cure: ')
  return at < 0 ? { note: text, cure: '' } : { note: text.slice(0, at), cure: text.slice(at + '. Cure: '.length) }
}

/** An alarm whose text says what to do itself needs no more words. */
export function alarmCure(key: string): string {
  if (key === 'brake') return 'look at NATS and the network between master and agents: agents that come back need nothing. If they are really gone: drover brake release'
  const pool = /^pool-paused:(.+)$/.exec(key)?.[1]
  return pool === undefined ? '' : `mend what made its boots fail, then: drover pool resume ${pool}`
}
