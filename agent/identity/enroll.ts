import type { KeyPair } from '@nats-io/nkeys'
import { Check } from 'typebox/value'
import { backoffMs } from '../../protocol/kit/backoff.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { EnrollReply, RenewReply, type EnrollRequest } from '../../protocol/wire/enroll.ts'
import { DROVER_VERSION } from '../../protocol/wire/version.ts'
import type { AgentConfig } from '../config.ts'
import { loadEnrollmentKey } from './enrollment-key.ts'
import { fetchPinnedCa, MasterRefused, openMasterHttp, type MasterHttp } from './https.ts'
import { lifeOf, readIdentity, saveIdentity, type Identity } from './identity.ts'

/** This agent cannot become a member: the text says what to change. Trying again cannot help. */
export class EnrollError extends Error {
  override readonly name = 'EnrollError'
}

export interface EnrollDeps {
  config: AgentConfig
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

/**
 * The stored identity, or a new one by the join token. Waits for a master that is away, for ever; a refusal ends in
 * EnrollError. Null when `signal` ended the waiting.
 */
export async function loadIdentity(deps: EnrollDeps): Promise<Identity | null> {
  const { config } = deps
  const stored = await readIdentity(config.stateDir)
  if (stored !== null) return sameAgent(stored, config)
  if (config.joinToken === null) throw new EnrollError(`this agent has no identity in ${config.stateDir} yet: set DROVER_JOIN_TOKEN to the line that \`drover-master join-token\` prints`)
  // kept before the first request: were its reply lost, another key would be refused for ever
  const pair = await loadEnrollmentKey(config.stateDir)
  for (let tried = 0; !deps.signal.aborted; tried += 1) {
    try {
      const identity = await enroll(config, config.joinToken, pair)
      await saveIdentity(config.stateDir, identity)
      deps.log.info({ agentId: identity.agentId, clusterId: identity.clusterId }, 'enrolled with the master')
      return identity
    } catch (error) {
      if (error instanceof MasterRefused && isFinal(error.status)) throw wordRefusal(error, config)
      deps.log.warn({ masterUrl: config.masterUrl, tried, err: error }, 'the master cannot be reached for enrolment, will be tried again')
      await deps.clock.sleep(backoffMs(tried, deps.random, { baseMs: 500, capMs: 15_000, floorMs: 250 }), deps.signal)
    }
  }
  return null
}

/** True when half of the JWT's life is over, or it names no life at all. */
export function isRenewalDue(jwt: string, nowMs: number): boolean {
  const life = lifeOf(jwt)
  return life === null || nowMs >= life.issuedMs + (life.expiresMs - life.issuedMs) / 2
}

/** A fresh JWT by the agent's own token; the join token is no longer needed. */
export async function renewIdentity(identity: Identity, http: MasterHttp, stateDir: string): Promise<Identity> {
  const reply = await http.json('POST', '/agent/v1/renew', {}, identity.agentToken)
  if (!Check(RenewReply, reply)) throw new Error('the master answered the renewal with something else than a JWT')
  const renewed = { ...identity, jwt: reply.jwt, natsUrls: reply.natsUrls }
  await saveIdentity(stateDir, renewed)
  return renewed
}

async function enroll(config: AgentConfig, token: { secret: string; fingerprint: string }, pair: KeyPair): Promise<Identity> {
  const ca = await fetchPinnedCa(config.masterUrl, token.fingerprint)
  const request: EnrollRequest = { v: 1, joinToken: token.secret, agentId: config.agentId, publicKey: pair.getPublicKey(), pool: config.pool, hostname: config.hostname, version: DROVER_VERSION }
  const http = openMasterHttp(config.masterUrl, ca)
  try {
    const reply = await http.json('POST', '/agent/v1/enroll', request, null)
    if (!Check(EnrollReply, reply)) throw new Error('the master answered the enrolment with something else than an identity')
    const seed = new TextDecoder().decode(pair.getSeed())
    return { masterUrl: config.masterUrl, agentId: reply.agentId, clusterId: reply.clusterId, seed, jwt: reply.jwt, natsUrls: reply.natsUrls, agentToken: reply.agentToken, ca }
  } finally {
    http.close()
  }
}

/** A state directory belongs to one agent: two agents with one identity would take each other's work. */
function sameAgent(stored: Identity, config: AgentConfig): Identity {
  if (stored.agentId === config.agentId) return { ...stored, masterUrl: config.masterUrl }
  throw new EnrollError(`${config.stateDir} holds the identity of agent ${stored.agentId}, the settings say ${config.agentId}: set DROVER_AGENT_ID=${stored.agentId}, or DROVER_STATE_DIR to an empty directory`)
}

function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429
}

function wordRefusal(error: MasterRefused, config: AgentConfig): EnrollError {
  const options = { cause: error }
  if (error.status === 495) return new EnrollError(error.message, options)
  if (error.status === 401 || error.status === 403) return new EnrollError(`the master refused the join token: ${error.message}. Set DROVER_JOIN_TOKEN to the line that \`drover-master join-token\` prints now`, options)
  return new EnrollError(`the master refused agent ${config.agentId} for pool ${config.pool}: ${error.message}. Check DROVER_POOL and DROVER_AGENT_ID`, options)
}
