import { createHash } from 'node:crypto'
import { Compile } from 'typebox/compile'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { Link } from '../../protocol/link.ts'
import { HeartbeatReply, type Desired, type Heartbeat, type Inventory } from '../../protocol/wire/heartbeat.ts'
import { heartbeatSubject, pokeSubject } from '../../protocol/wire/subjects.ts'
import type { Journal } from '../journal/door.ts'

export interface HeartbeatDeps {
  link: Link
  agentId: string
  journal: Journal
  inventory: () => Promise<Inventory>
  onDesired: () => void
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

/** What the master wants of this agent, as last heard; survives a restart of the agent. */
interface Held {
  store: string | null
  generation: number
  desired: Desired[]
}

const BEAT_MS = 5_000
const REPLY_MS = 4_000
const replyIsValid = Compile(HeartbeatReply)

/** Says "I live, I hold generation n" every 5 s and at each poke; takes the whole desired state from the reply. */
export function startHeartbeat(deps: HeartbeatDeps): { loop: Loop; desired: () => readonly Desired[] } {
  const stored = deps.journal.getMeta('desired')
  let held: Held = stored === null ? { store: null, generation: 0, desired: [] } : (JSON.parse(stored) as Held)
  let sentHash = ''
  const loop = startLoop({ name: 'heartbeat', sweepMs: BEAT_MS, pass: beat, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log })
  void listen()
  return { loop, desired: () => held.desired }

  async function beat(): Promise<void> {
    const inventory = await deps.inventory()
    const inventoryHash = createHash('sha256').update(JSON.stringify(inventory)).digest('hex')
    const message: Heartbeat = { v: 1, inc: deps.journal.inc, store: held.store, have: held.generation, inventoryHash, ...(inventoryHash === sentHash ? {} : { inventory }), outbox: deps.journal.outbox.depth() }
    const answer = await deps.link.request(heartbeatSubject(deps.agentId), JSON.stringify(message), { timeout: REPLY_MS })
    const reply: unknown = answer.json()
    if (!replyIsValid.Check(reply)) throw new Error('the master answered a heartbeat with something else than a reply')
    sentHash = reply.kind === 'refused' || reply.needInventory ? '' : inventoryHash
    take(reply)
    if (reply.kind !== 'refused' && reply.needInventory) loop.wake()
  }

  function take(reply: HeartbeatReply): void {
    if (reply.kind === 'refused') return deps.log.error({ error: reply.error }, 'the master refused the heartbeat')
    if (reply.kind === 'same') return
    if (reply.store === held.store && reply.generation < held.generation) return
    const changed = JSON.stringify(reply.desired) !== JSON.stringify(held.desired)
    held = { store: reply.store, generation: reply.generation, desired: reply.desired }
    deps.journal.setMeta('desired', JSON.stringify(held))
    if (changed) deps.onDesired()
  }

  async function listen(): Promise<void> {
    const pokes = deps.link.subscribe(pokeSubject(deps.agentId))
    for await (const _poke of pokes) loop.wake()
  }
}
