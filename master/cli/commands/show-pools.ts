import type { ApiLaunches, ApiPool, ApiPools } from '../../../protocol/wire/api.ts'
import { CliError, EXIT } from '../fail.ts'
import { ageText, launchOutcome, rateText, shortText, whenText } from '../format.ts'
import type { Invocation } from '../invocation.ts'

const LAUNCHES_SHOWN = 10
const OUTCOME_MAX = 100

export async function listPools(invocation: Invocation): Promise<void> {
  const client = await invocation.client()
  const { pools } = await client.get<ApiPools>('/api/v1/drover/pools')
  if (invocation.terminal.json) return invocation.terminal.data(pools)
  await invocation.terminal.table(
    ['NAME', 'INSTANCES', '$/H', 'WAITING', 'REFUSED', 'NOTE'],
    pools.map((one) => [one.name, countText(one), hourText(one), String(one.waiting.length), String(one.dry.length), shortText(standing(one))]),
  )
}

export async function describePool(invocation: Invocation, name: string): Promise<void> {
  const { terminal } = invocation
  const client = await invocation.client()
  const { pool } = await client.get<{ pool: ApiPool }>(`/api/v1/drover/pools/${poolNameOf(name)}`)
  const { launches } = await client.get<ApiLaunches>('/api/v1/drover/launches', { pool: name, limit: LAUNCHES_SHOWN })
  if (terminal.json) return terminal.data({ pool, launches })
  await terminal.table(['POOL', pool.name], factsOf(pool))
  if (pool.waiting.length > 0) {
    terminal.line('')
    await terminal.table(['WAITS', 'EXPERIMENT', 'SLOTS', 'SINCE', 'WHY'], pool.waiting.map((one) => [one.allocation, String(one.experimentId ?? ''), String(one.slots), whenText(one.since), one.reason]))
  }
  if (pool.dry.length > 0) {
    terminal.line('')
    await terminal.table(['REFUSED', 'ZONE', 'MARKET', 'UNTIL', 'CODE', 'EC2 SAID'], pool.dry.map((one) => [one.type, one.zone || 'every', one.market, whenText(one.until), one.code, shortText(one.text, OUTCOME_MAX)]))
  }
  if (launches.length > 0) {
    terminal.line('')
    await terminal.table(['LAUNCH', 'TYPE', 'ZONE', 'MARKET', 'N', 'STATE', 'DECIDED', 'OUTCOME'], launches.map((one) => [one.id.slice(0, 8), one.type, one.zone, one.market, String(one.count), one.state, whenText(one.decidedAt), shortText(launchOutcome(one), OUTCOME_MAX)]))
  }
}

export async function resumePool(invocation: Invocation, name: string): Promise<void> {
  const client = await invocation.client()
  const answer = await client.post<unknown>(`/api/v1/drover/pools/${poolNameOf(name)}/resume`, {})
  if (invocation.terminal.json) return invocation.terminal.data(answer)
  invocation.terminal.line(`pool ${name} may launch again`)
}

function factsOf(pool: ApiPool): string[][] {
  const { policy } = pool
  const facts: [string, string][] = [
    ['description', pool.description],
    ['note', pool.note],
    ['paused', pool.paused === null ? '' : `${pool.paused.reason}${pool.paused.since ? ` (since ${whenText(pool.paused.since)})` : ''}`],
    ['to do', pool.cure],
    ['instances', `${countText(pool)}${Object.entries(pool.instances).map(([state, n]) => `  ${n} ${state}`).join('')}`],
    ['$/h now', hourText(pool)],
    ['failed boots', pool.strikes === 0 ? '' : `${pool.strikes} in a row`],
    ['types', policy?.instanceTypes.join(', ') ?? 'agents join by themselves'],
    ['market', policy === null ? '' : `${policy.market}${policy.spotMaxPrice === null ? '' : `, spot at most $${policy.spotMaxPrice}/h`}${policy.maxPricePerHour === null ? '' : `, at most $${policy.maxPricePerHour}/h`}`],
    ['region', policy?.region ?? ''],
    ['limits', policy === null ? '' : `${policy.minInstances} to ${policy.maxInstances} instances, ${ageText(policy.maxStartingSeconds * 1000)} to start, ${ageText(policy.maxIdleSeconds * 1000)} idle`],
  ]
  return facts.filter(([, value]) => value !== '')
}

function countText(pool: ApiPool): string {
  return pool.policy === null ? '-' : `${pool.count}/${pool.policy.maxInstances}`
}

/** `1.006`, `1.006+?` where some have no known price. */
function hourText(pool: ApiPool): string {
  return pool.policy === null && pool.count === 0 ? '-' : `${rateText(pool.perHour)}${pool.unpriced > 0 ? '+?' : ''}`
}

function standing(pool: ApiPool): string {
  return pool.paused === null ? pool.note : `paused: ${pool.paused.reason}`
}

function poolNameOf(text: string): string {
  if (/^[A-Za-z0-9_-]{1,64}$/.test(text)) return text
  throw new CliError(EXIT.usage, `${JSON.stringify(text)} is no pool name`, 'drover pool list shows them')
}
