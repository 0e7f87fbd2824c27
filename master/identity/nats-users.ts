import { encodeUser } from '@nats-io/jwt'
import { fromPublic } from '@nats-io/nkeys'
import { agentGrant, inboxPrefix } from '../../protocol/wire/subjects.ts'
import type { NatsKeys } from './nats-keys.ts'

const DAY_SECONDS = 86_400
const PAYLOAD_MAX = 1_048_576
/** The master answers within this time or not at all; Go counts in nanoseconds. */
const REPLY_TTL_NANOSECONDS = 60 * 1_000_000_000

/** What the master calls its own inbox. */
export const MASTER = 'master'

/** The master's own user: everything of Drover's, its own inbox, and one reply to each request it received. */
export async function masterJwt(keys: NatsKeys): Promise<string> {
  const own = ['drover.v1.>', `${inboxPrefix(MASTER)}.>`]
  return encodeUser(MASTER, keys.master, keys.account, { pub: { allow: own }, sub: { allow: own }, resp: { max: 1, ttl: REPLY_TTL_NANOSECONDS }, subs: -1, data: -1, payload: PAYLOAD_MAX })
}

/** 24 hours, the agent's own subjects and inbox only, at most ten subscriptions. */
export async function agentJwt(keys: NatsKeys, agent: string, publicKey: string, nowMs: number): Promise<string> {
  const grant = agentGrant(agent)
  return encodeUser(agent, fromPublic(publicKey), keys.account, { pub: { allow: grant.publish }, sub: { allow: grant.subscribe }, subs: 10, data: -1, payload: PAYLOAD_MAX }, { exp: Math.floor(nowMs / 1000) + DAY_SECONDS })
}
