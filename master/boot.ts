import { backoffMs } from '../protocol/kit/backoff.ts'
import { BucketError } from '../protocol/bucket/door.ts'
import type { Clock } from '../protocol/kit/clock.ts'
import type { Log } from '../protocol/kit/log.ts'
import { startLoop } from '../protocol/kit/loop.ts'
import { loadAuthority, loadServerIdentity, type Authority, type ServerIdentity } from './identity/authority.ts'
import { joinTokenHash, loadJoinSecret } from './identity/join-token.ts'
import { loadNatsKeys, type NatsKeys } from './identity/nats-keys.ts'
import { masterJwt } from './identity/nats-users.ts'
import { claimBucket, type Claim } from './loops/claim-bucket.ts'
import type { MasterConfig } from './config.ts'
import { openCluster, type Cluster } from './store/cluster.ts'
import { migrate, type Db } from './store/db.ts'
import { isTransient } from './store/failures.ts'

export interface BootDeps {
  config: MasterConfig
  log: Log
  clock: Clock
  random: () => number
  signal: AbortSignal
}

export interface Identities {
  authority: Authority
  server: ServerIdentity
  natsKeys: NatsKeys
  masterJwt: string
}

/** Tables, the cluster's row and the join token. Waits for a Postgres that is away; ends on anything else. */
export async function openStore(deps: BootDeps, db: Db): Promise<Cluster> {
  const secret = await loadJoinSecret(deps.config.stateDir)
  for (let attempt = 0; ; attempt += 1) {
    try {
      await migrate(db)
      const cluster = await openCluster(db)
      await db.insertInto('join_tokens').values({ hash: joinTokenHash(secret) }).onConflict((conflict) => conflict.column('hash').doNothing()).execute()
      return cluster
    } catch (error) {
      const away = isTransient(error) || (error instanceof Error && isTransient(error.cause))
      if (!away || deps.signal.aborted) throw error
      deps.log.warn({ err: error }, 'postgres cannot be reached yet, will be tried again')
      await deps.clock.sleep(backoffMs(attempt, deps.random, { baseMs: 250, capMs: 5_000, floorMs: 100 }), deps.signal)
    }
  }
}

export async function openIdentities(deps: BootDeps): Promise<Identities> {
  const { stateDir, agentListen, agentUrl } = deps.config
  const authority = await loadAuthority(stateDir, deps.clock.wallMs())
  const hosts = [agentListen.host, new URL(agentUrl).hostname.replace(/^\[|\]$/g, '')]
  const natsKeys = await loadNatsKeys(stateDir)
  return { authority, server: await loadServerIdentity(stateDir, authority, hosts, deps.clock.wallMs()), natsKeys, masterJwt: await masterJwt(natsKeys) }
}

/** Claims the prefix; a bucket that cannot be reached keeps nobody from starting and is asked again until it can. */
export async function claimPrefix(deps: BootDeps, claim: Claim, onTaken: (error: unknown) => void): Promise<void> {
  try {
    await claimBucket(claim, deps.signal)
    return
  } catch (error) {
    if (!(error instanceof BucketError)) throw error
    deps.log.error({ err: error, bucket: claim.bucket.url }, 'the checkpoint bucket cannot be used yet: check its address, its existence and the credentials')
  }
  const done = new AbortController()
  startLoop({
    name: 'claim', sweepMs: 10_000, capMs: 10_000, signal: AbortSignal.any([deps.signal, done.signal]), clock: deps.clock, random: deps.random, log: deps.log,
    pass: async (signal) => {
      await claimBucket(claim, signal).catch((error: unknown) => {
        if (error instanceof BucketError) throw error
        onTaken(error)
      })
      done.abort()
    },
  })
}
