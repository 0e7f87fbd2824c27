import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { createUser } from '@nats-io/nkeys'
import Value from 'typebox/value'
import { backoffMs } from '../../protocol/kit/backoff.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { EnrollReply, RenewReply } from '../../protocol/wire/enroll.ts'
import { DROVER_VERSION } from '../../protocol/wire/version.ts'
import type { AgentConfig } from '../config.ts'
import { fetchPinnedCa, MasterRefused, openMasterHttp, type MasterHttp } from './https.ts'

/** Who this agent is, kept in `<stateDir>/identity.json`, mode 0600. The seed never leaves the host. */
export interface Identity {
  agentId: string
  clusterId: string
  seed: string
  jwt: string
  /** seconds since 1970 */
  jwtExpires: number
  natsUrls: string[]
  agentToken: string
  ca: string
}

export interface EnrollDeps {
  config: AgentConfig
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

/** Loads the identity, or enrols with the join token; waits for a master that is away, ends on a refusal. */
export async function loadIdentity(deps: EnrollDeps): Promise<Identity> {
  const path = join(deps.config.stateDir, 'identity.json')
  const stored = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  })
  if (stored !== null) return JSON.parse(stored) as Identity
  const { joinToken } = deps.config
  if (!joinToken) throw new MasterRefused(401, 'this agent is not enrolled yet: set DROVER_JOIN_TOKEN (from `drover-master join-token`)')
  for (let tried = 1; ; tried += 1) {
    try {
      const identity = await enroll(deps.config, joinToken)
      await saveIdentity(deps.config.stateDir, identity)
      deps.log.info({ agentId: identity.agentId, clusterId: identity.clusterId }, 'enrolled')
      return identity
    } catch (error) {
      const final = error instanceof MasterRefused && error.status < 500
      if (final || deps.signal.aborted) throw error
      deps.log.warn({ err: error, tried }, 'the master cannot be reached, will be tried again')
      await deps.clock.sleep(backoffMs(tried, deps.random, { baseMs: 250, capMs: 10_000, floorMs: 100 }), deps.signal)
    }
  }
}

async function enroll(config: AgentConfig, token: { secret: string; fingerprint: string }): Promise<Identity> {
  const ca = await fetchPinnedCa(config.masterUrl, token.fingerprint)
  const pair = createUser()
  const reply = await openMasterHttp(config.masterUrl, ca).json('POST', '/agent/v1/enroll', { v: 1, joinToken: token.secret, agentId: config.agentId, publicKey: pair.getPublicKey(), pool: config.pool, hostname: hostname(), version: DROVER_VERSION }, null)
  if (!Value.Check(EnrollReply, reply)) throw new Error('the master answered the enrolment with something else than an enrolment')
  return { agentId: reply.agentId, clusterId: reply.clusterId, seed: new TextDecoder().decode(pair.getSeed()), jwt: reply.jwt, jwtExpires: expiryOf(reply.jwt), natsUrls: reply.natsUrls, agentToken: reply.agentToken, ca }
}

/** Newer JWT, by the agent's token; the caller replaces what the links read. */
export async function renewIdentity(identity: Identity, http: MasterHttp, stateDir: string): Promise<Identity> {
  const reply = await http.json('POST', '/agent/v1/renew', {}, identity.agentToken)
  if (!Value.Check(RenewReply, reply)) throw new Error('the master answered the renewal with something else than a JWT')
  const renewed = { ...identity, jwt: reply.jwt, jwtExpires: expiryOf(reply.jwt), natsUrls: reply.natsUrls }
  await saveIdentity(stateDir, renewed)
  return renewed
}

async function saveIdentity(stateDir: string, identity: Identity): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const path = join(stateDir, 'identity.json')
  await writeFile(`${path}.new`, JSON.stringify(identity), { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
}

function expiryOf(jwt: string): number {
  const claims = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8')) as { exp?: number }
  return claims.exp ?? 0
}
