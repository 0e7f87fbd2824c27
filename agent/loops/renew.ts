import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import { isRenewalDue, renewIdentity } from '../identity/enroll.ts'
import type { MasterHttp } from '../identity/https.ts'
import type { Identity } from '../identity/identity.ts'

export interface RenewDeps {
  http: MasterHttp
  stateDir: string
  identity: () => Identity
  onRenewed: (identity: Identity) => void
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

const SWEEP_MS = 60_000

/** Renews the NATS JWT at half its life; the next dial of each link uses the new one. */
export function startRenew(deps: RenewDeps): Loop {
  return startLoop({
    name: 'renew', sweepMs: SWEEP_MS, capMs: 60_000, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log,
    pass: async () => {
      const identity = deps.identity()
      if (!isRenewalDue(identity.jwt, deps.clock.wallMs())) return
      deps.onRenewed(await renewIdentity(identity, deps.http, deps.stateDir))
      deps.log.info({}, 'NATS credentials renewed')
    },
  })
}
