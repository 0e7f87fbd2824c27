import { isLoopback, readProvider, type ProviderGiven } from './config-provider.ts'
import { readSection, type Found, type Section, type Shape } from './config-section.ts'
import type { PoolConfig } from './config-types.ts'

const NAME: Shape = { pattern: /^[A-Za-z0-9_-]{1,64}$/, cure: 'write 1 to 64 letters, digits, - or _' }
const DESCRIPTION: Shape = { pattern: /^[^\u0000-\u0008\u000e-\u001f]{0,4000}$/, cure: 'write at most 4000 characters of text' }
const KEYS = ['pool_name', 'description', 'provider']
/** Keys of Determined's: the scheduler has one policy, containers are bounded by slots, an agent that was away goes on by itself. */
const WITHOUT = [
  'scheduler', 'max_aux_containers_per_agent', 'max_cpu_containers_per_agent', 'task_container_defaults', 'agent_reattach_enabled', 'agent_reconnect_wait',
  'kubernetes_namespace', 'cluster_name', 'is_default',
]

/** `resource_pools` of master.yaml; without any there is one pool `default` of agents that join by themselves. */
export function readPools(rows: readonly unknown[], given: ProviderGiven, found: Found): PoolConfig[] {
  if (rows.length === 0) return [{ name: 'default', description: '', provider: null }]
  const names = new Set<string>()
  const pools = rows.map((row, index) => readPool(readSection(`resource_pools[${index}]`, row, found), names, given))
  if (pools.some((pool) => pool.provider !== null) && given.natsUrls.some(isLoopback)) {
    found.warnings.push('nats.urls names an address that instances of EC2 cannot reach: write it as agents reach it')
  }
  return pools
}

function readPool(pool: Section, names: Set<string>, given: ProviderGiven): PoolConfig {
  pool.onlyKeys(KEYS, WITHOUT)
  const name = pool.text('pool_name', NAME, null)
  if (name !== '' && names.has(name)) pool.wrong('pool_name', 'write each pool once')
  names.add(name)
  return {
    name,
    description: pool.text('description', DESCRIPTION, ''),
    provider: pool.has('provider') ? readProvider(pool.section('provider'), name, given) : null,
  }
}
