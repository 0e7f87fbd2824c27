import type { ApiAlarm, ApiCost, ApiInstance, ApiLaunch, ApiPool } from '../../protocol/wire/api.ts'

const COST: ApiCost = { total: 0.12, useful: 0, boot: 0.12, idle: 0, lost: 0 }
const UNKNOWN: ApiCost = { total: null, useful: null, boot: null, idle: null, lost: null }
const GONE_AT = '2026-01-02T03:24:05Z'

const GONE: ApiInstance = {
  id: 'i-0abc', launch: 'l-1', pool: 'spot', type: 'g5.xlarge', zone: 'us-east-1a', market: 'spot', slots: 1, state: 'GONE', stateReason: 'never registered', perHour: 0.361, privateIp: null, launchedAt: '2026-01-02T03:04:05Z',
  registeredAt: null, retiringAt: null, terminatingAt: null, goneAt: GONE_AT, idleSince: null, notice: null, agent: null, allocations: [], cost: COST,
}
const LAUNCH: ApiLaunch = {
  id: 'l-1', pool: 'spot', type: 'g5.xlarge', zone: 'us-east-1a', market: 'spot', gang: false, count: 1, slots: 1, perHour: 0.361, allocations: ['trial-9.2'], reason: 'one allocation waits', state: 'DONE', error: null,
  decidedAt: '2026-01-02T03:04:00Z', calledAt: '2026-01-02T03:04:01Z', settledAt: '2026-01-02T03:04:05Z', instances: ['i-0abc'], followedBy: null,
}
const REFUSED: ApiLaunch = {
  ...LAUNCH, id: '11112222-3333', zone: 'us-east-1b', state: 'FAILED', decidedAt: '2026-01-02T03:02:00Z', instances: [], followedBy: { id: 'l-1', type: 'g5.xlarge', zone: 'us-east-1a', market: 'spot', state: 'DONE' },
  error: { kind: 'capacity', code: 'InsufficientInstanceCapacity', text: 'no capacity', cure: 'nothing needs to be done' },
}
const PLAIN: ApiPool = { name: 'default', description: '', policy: null, note: '', paused: null, strikes: 0, dry: [], instances: {}, count: 0, perHour: 0, unpriced: 0, waiting: [], launches: [], lastCallAt: null, cure: '' }
const SPOT: ApiPool = {
  ...PLAIN, name: 'spot', note: '1 allocation waits', paused: { reason: 'three boots in a row never registered', since: '2026-01-02T03:30:00Z' }, strikes: 3, instances: { READY: 1, STARTING: 1 }, count: 2, perHour: 0.361, unpriced: 1, cure: 'drover pool resume spot',
  policy: { region: 'us-east-1', instanceTypes: ['g5.xlarge', 'g5.2xlarge'], market: 'spot-then-on-demand', spotMaxPrice: null, maxPricePerHour: 2, minInstances: 0, maxInstances: 4, maxStartingSeconds: 1200, maxIdleSeconds: 600 },
  dry: [{ type: 'g5.xlarge', zone: 'us-east-1b', market: 'spot', until: '2026-01-02T03:33:00Z', kind: 'capacity', code: 'InsufficientInstanceCapacity', text: 'no capacity', cure: 'nothing needs to be done' }],
  waiting: [{ allocation: 'trial-9.2', experimentId: 7, trialId: 9, slots: 2, since: '2026-01-02T03:00:00Z', reason: 'pool spot has 0 free slots' }],
}
const ALARM: ApiAlarm = { key: 'brake', text: '5 agents are silent', since: '2026-01-02T03:31:00Z', cure: 'drover brake release' }

/** Answers about the herd: an instance whose boot failed and one that works for an hour, a pool that is paused. */
export function herdAnswers(): Record<string, unknown> {
  const works: ApiInstance = {
    ...GONE, id: 'i-0def', state: 'READY', stateReason: '', perHour: null, launchedAt: new Date(Date.now() - 3_600_000).toISOString(), registeredAt: new Date(Date.now() - 3_500_000).toISOString(), goneAt: null, cost: UNKNOWN,
    allocations: [{ id: 'trial-9.1', state: 'RUNNING', slots: 1, experimentId: 7, trialId: 9 }],
  }
  const events = [{ id: 5, time: GONE_AT, kind: 'instance-gone', experimentId: null, trialId: null, allocationId: null, agentId: null, instanceId: 'i-0abc', pool: 'spot', text: 'EC2 says terminated', data: {} }]
  return {
    '/api/v1/drover/instances': { instances: [GONE, works] },
    '/api/v1/drover/instances/i-0abc': { instance: GONE, launch: LAUNCH, console: 'cloud-init: done\r\ndocker.service: \u001b]0;failed\n', events },
    '/api/v1/drover/why/instances/i-0abc': { instanceId: 'i-0abc', state: 'GONE', stateReason: 'never registered', summary: 'instance i-0abc is GONE: it ended after 20 min 00 s: never registered; it cost $0.12', cure: 'read what it said at boot: drover instance describe i-0abc', cost: COST, events },
    '/api/v1/drover/why/experiments/8': {
      summary: 'experiment 8 is QUEUED: waits for i-0def (g5.xlarge, us-east-1a, spot), which has been starting for 38 s', trials: [{ trialId: 10, state: 'STATE_QUEUED', allocationState: 'PENDING', waitReason: 'waits: pool spot has 0 free slots' }],
      pool: { name: 'spot', note: SPOT.note, paused: null, dry: SPOT.dry }, starting: [{ id: 'i-0def', launch: 'l-1', state: 'STARTING', type: 'g5.xlarge', zone: 'us-east-1a', market: 'spot', perHour: 0.361, ageSeconds: 38.4 }],
      launches: [REFUSED], cost: COST, cure: 'name more zones', events: [],
    },
    '/api/v1/drover/instances/i-0def/retire': {},
    '/api/v1/drover/pools': { pools: [PLAIN, SPOT] },
    '/api/v1/drover/pools/spot': { pool: SPOT },
    '/api/v1/drover/pools/spot/resume': {},
    '/api/v1/drover/launches': { launches: [REFUSED] },
    '/api/v1/drover/alarms': { alarms: [ALARM] },
    '/api/v1/drover/alarms/brake/release': {},
  }
}
