import { encodeAccount, encodeOperator } from '@nats-io/jwt'
import type { NatsKeys } from './nats-keys.ts'

/** Text of a nats-server configuration: users by JWT only, accounts preloaded, nothing but the client port listens. */
export async function natsConfig(keys: NatsKeys, listen: string): Promise<string> {
  const operator = await encodeOperator('drover', keys.operator, { system_account: keys.system.getPublicKey() })
  const limits = { subs: -1, conn: -1, leaf: 0, imports: 0, exports: 0, data: -1, payload: 1_048_576, wildcards: false }
  const account = await encodeAccount('drover', keys.account, { limits }, { signer: keys.operator })
  const system = await encodeAccount('system', keys.system, {}, { signer: keys.operator })
  return `# Made by drover-master nats-config: the same keys give a configuration of the same meaning.
listen: "${listen}"
server_name: drover
operator: ${operator}
system_account: ${keys.system.getPublicKey()}
resolver: MEMORY
resolver_preload: {
  ${keys.account.getPublicKey()}: ${account}
  ${keys.system.getPublicKey()}: ${system}
}
max_payload: 1MB
ping_interval: "5s"
ping_max: 2
write_deadline: "5s"
`
}
