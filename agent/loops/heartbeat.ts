import { createHash } from 'node:crypto'
import { Compile } from 'typebox/compile'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { Link } from '../../protocol/link.ts'
import { HeartbeatReply, type Heartbeat, type Inventory } from '../../protocol/wire/heartbeat.ts'
import { heartbeatSubject, pokeSubject } from '../../protocol/wire/subjects.ts'
import { canonicalJson } from '../../protocol/words/canonical-json.ts'
import type { DesiredState } from './desired.ts'

export interface HeartbeatDeps {
  link: Link
  agentId: string
  inc: number
  outboxDepth: () => number
  desired: DesiredState
  inventory: () => Inventory
  onChange: () => void
  /** the master has answered, and not with a refusal */
  onAnswered: () => void
  /** the answer to `retire` */
  drained: () => boolean
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

const BEAT_MS = 5_000
const REPLY_MS = 4_000
const replyCheck = Compile(HeartbeatReply)

/**
 * "I live and hold generation n", each 5 s and on a poke. A poke during a beat makes the loop run once more at once,
 * so that no change made while the master was answering is missed.
 */
export function startHeartbeat(deps: HeartbeatDeps): Loop {
  let knownHash: string | null = null
  const loop = startLoop({ name: 'heartbeat', sweepMs: BEAT_MS, pass, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log })
  void listen(deps, loop)
  return loop

  async function pass(): Promise<void> {
    const inventory = deps.inventory()
    const inventoryHash = createHash('sha256').update(canonicalJson(inventory)).digest('hex')
    const held = deps.desired.held()
    const message: Heartbeat = {
      v: 1, inc: deps.inc, store: held.store, have: held.generation, inventoryHash, outbox: deps.outboxDepth(),
      ...(inventoryHash === knownHash ? {} : { inventory }),
      ...(deps.drained() ? { drained: true } : {}),
    }
    const reply = replyOf((await deps.link.request(heartbeatSubject(deps.agentId), JSON.stringify(message), { timeout: REPLY_MS })).data)
    if (reply.kind === 'refused') throw new Error(`the master refused the heartbeat: ${reply.error}`)
    deps.onAnswered()
    const { changed, again } = deps.desired.apply(reply)
    knownHash = reply.needInventory ? null : inventoryHash
    if (changed) deps.onChange()
    if (again) loop.wake()
  }
}

function replyOf(data: Uint8Array): HeartbeatReply {
  const reply: unknown = JSON.parse(new TextDecoder().decode(data))
  if (replyCheck.Check(reply)) return reply
  throw new Error(`the master's answer to a heartbeat is of another shape: ${replyCheck.Errors(reply)[0]?.message ?? ''}`)
}

/** A poke has no content. A subscription that the server refuses costs only the sweep's 5 s. */
async function listen(deps: HeartbeatDeps, loop: Loop): Promise<void> {
  const pokes = deps.link.subscribe(pokeSubject(deps.agentId))
  const stop = (): void => pokes.unsubscribe()
  deps.signal.addEventListener('abort', stop, { once: true })
  try {
    for await (const _ of pokes) loop.wake()
  } catch (error) {
    if (!deps.signal.aborted) deps.log.warn({ err: error }, 'the poke subscription ended, heartbeats go on')
  }
}
