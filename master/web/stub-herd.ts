import type { ApiAlarm, ApiCost, ApiInstance, ApiLaunch, ApiPool } from '../../protocol/wire/api.ts'

export interface StubHerd {
  pools: ApiPool[]
  instances: ApiInstance[]
  alarms: ApiAlarm[]
}

const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString()

export function cost(useful: number, boot: number, idle: number, lost = 0): ApiCost {
  return { total: useful + boot + idle + lost, useful, boot, idle, lost }
}

export function instance(id: string, state: ApiInstance['state'], more: Partial<ApiInstance> = {}): ApiInstance {
  return {
    id, launch: 'l-1', pool: 'spot', type: 'g5.2xlarge', zone: 'us-east-1a', market: 'spot', slots: 1, state, stateReason: '', perHour: 0.4512, privateIp: '10.0.3.7',
    launchedAt: ago(42), registeredAt: ago(40), retiringAt: null, terminatingAt: null, goneAt: null, idleSince: null, notice: null, agent: { status: 'ok', seenAt: ago(0), drained: false }, allocations: [], cost: cost(0.26, 0.02, 0.03), ...more,
  }
}

function launch(id: string, more: Partial<ApiLaunch> = {}): ApiLaunch {
  return {
    id, pool: 'spot', type: 'g5.xlarge', zone: 'us-east-1c', market: 'spot', gang: false, count: 1, slots: 1, perHour: 0.31, allocations: ['trial-3.1'], reason: 'trial-3.1 needs 1 slot and fits no agent', state: 'LAUNCHING', error: null,
    decidedAt: ago(0.2), calledAt: ago(0.2), settledAt: null, instances: [], followedBy: null, ...more,
  }
}

export function launchOf(of: ApiInstance): ApiLaunch {
  return launch(of.launch, { pool: of.pool, type: of.type, zone: of.zone, market: of.market, state: 'DONE', instances: [of.id] })
}

function pool(name: string, more: Partial<ApiPool> = {}): ApiPool {
  return { name, description: '', policy: null, note: '', paused: null, strikes: 0, dry: [], instances: {}, count: 0, perHour: 0, unpriced: 0, waiting: [], launches: [], lastCallAt: null, cure: '', ...more }
}

const POLICY: NonNullable<ApiPool['policy']> = {
  region: 'us-east-1', instanceTypes: ['g5.xlarge', 'g5.2xlarge'], market: 'spot-then-on-demand', spotMaxPrice: null, maxPricePerHour: 2, minInstances: 0, maxInstances: 8, maxStartingSeconds: 1200, maxIdleSeconds: 600,
}

/** Of everything that may be seen one: a pool without EC2, one that waits for EC2, one that is paused; instances in every state. */
export function makeHerd(): StubHerd {
  const hostile = 'Insufficient capacity <img src=x onerror="window.hacked=1">. Not charged.'
  return {
    alarms: [],
    pools: [
      pool('default', { description: 'machines in the cellar' }),
      pool('spot', {
        policy: POLICY, note: 'asks for g5.xlarge in us-east-1c after us-east-1a had no capacity: 1 allocation waits for 1 slot', instances: { LAUNCHING: 1, STARTING: 1, READY: 2, RETIRING: 1 }, count: 5, perHour: 1.8048, unpriced: 0,
        dry: [{ type: 'g5.xlarge', zone: 'us-east-1a', market: 'spot', until: new Date(Date.now() + 140_000).toISOString(), kind: 'capacity', code: 'InsufficientInstanceCapacity', text: hostile, cure: 'nothing needs to be done: other offers are tried, and this one again later' }],
        waiting: [{ allocation: 'trial-3.1', experimentId: 3, trialId: 3, slots: 1, since: ago(3), reason: 'waits: pool spot has 0 free of 2 slots, 0 experiments ahead' }],
        launches: [launch('l-9')], lastCallAt: ago(0.2),
      }),
      pool('big', {
        policy: { ...POLICY, instanceTypes: ['p4d.24xlarge'], market: 'on-demand', maxInstances: 2, minInstances: 1 }, strikes: 3, paused: { reason: 'three boots in a row never registered; the newest, i-0c0ffee0c0ffee003, said: docker.service failed', since: ago(12) },
        cure: 'mend what made its boots fail (drover instance list --pool big --all shows them), then: drover pool resume big',
      }),
    ],
    instances: [
      instance('i-0a11ce0a11ce0a001', 'STARTING', { launchedAt: ago(1.4), registeredAt: null, agent: null, cost: cost(0, 0.01, 0), type: 'g5.xlarge', zone: 'us-east-1b', perHour: 0.31 }),
      instance('i-0b0b0b0b0b0b0b002', 'READY', { allocations: [{ id: 'trial-1.1', state: 'RUNNING', slots: 1, experimentId: 1, trialId: 1 }], notice: { kind: 'spot', at: ago(0.3), until: new Date(Date.now() + 100_000).toISOString() } }),
      instance('i-0d0d0d0d0d0d0d004', 'READY', { idleSince: ago(6), perHour: null, cost: { total: null, useful: null, boot: null, idle: null, lost: null } }),
      instance('i-0e0e0e0e0e0e0e005', 'RETIRING', { stateReason: 'idle for 10 min, nothing that waits fits it', retiringAt: ago(0.5), market: 'on-demand', perHour: 1.212, cost: cost(0.61, 0.04, 0.2) }),
      instance('i-0c0ffee0c0ffee003', 'GONE', { pool: 'big', type: 'p4d.24xlarge', slots: 8, registeredAt: null, goneAt: ago(14), stateReason: 'its agent did not register within 20 min', market: 'on-demand', perHour: 32.77, cost: cost(0, 10.92, 0) }),
    ],
  }
}
