import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeAccount, encodeOperator, encodeUser } from '@nats-io/jwt'
import { createAccount, createOperator, createUser, fromPublic, fromSeed, type KeyPair } from '@nats-io/nkeys'
import { agentGrant } from '../../protocol/wire/subjects.ts'

/**
 * The cluster's NATS identity: operator > account > users. The server holds no list of users; the master signs a JWT for
 * each agent with the account key, and the server checks it. Seeds stay in the master's state directory, mode 0600.
 */
export interface NatsKeys {
  operator: KeyPair
  account: KeyPair
  system: KeyPair
  master: KeyPair
}

const DAY_SECONDS = 86_400

export async function loadNatsKeys(stateDir: string): Promise<NatsKeys> {
  const folder = join(stateDir, 'nats')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const key = (name: string, create: () => KeyPair): Promise<KeyPair> => loadKey(join(folder, `${name}.nk`), create)
  return { operator: await key('operator', createOperator), account: await key('account', createAccount), system: await key('system', createAccount), master: await key('master', createUser) }
}

async function loadKey(path: string, create: () => KeyPair): Promise<KeyPair> {
  const pair = create()
  try {
    const file = await open(path, 'wx', 0o600)
    await file.writeFile(pair.getSeed())
    await file.sync()
    await file.close()
    return pair
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    return fromSeed(new Uint8Array(await readFile(path)))
  }
}

/** Text of a nats-server configuration: JWT authentication only, nothing else listens. */
export async function natsConfig(keys: NatsKeys, listen: string): Promise<string> {
  const operator = await encodeOperator('drover', keys.operator, { system_account: keys.system.getPublicKey() })
  const account = await encodeAccount('drover', keys.account, { limits: { subs: -1, conn: -1, leaf: 0, imports: -1, exports: -1, data: -1, payload: 1_048_576, wildcards: true } }, { signer: keys.operator })
  const system = await encodeAccount('system', keys.system, {}, { signer: keys.operator })
  return `listen: "${listen}"
server_name: drover
operator: ${operator}
system_account: ${keys.system.getPublicKey()}
resolver: MEMORY
resolver_preload: {
  ${keys.account.getPublicKey()}: ${account}
  ${keys.system.getPublicKey()}: ${system}
}
max_payload: 1MB
max_control_line: 4KB
ping_interval: "5s"
ping_max: 2
write_deadline: "5s"
`
}

/** The master's own user: everything below drover.v1, and answers to agents. */
export async function masterJwt(keys: NatsKeys): Promise<string> {
  return encodeUser('master', keys.master, keys.account, {
    pub: { allow: ['drover.v1.>', '_INBOX_*.>', '_INBOX_master.>'] },
    sub: { allow: ['drover.v1.>', '_INBOX_master.>'] },
  })
}

/** 24 hours, only the agent's own subjects and inbox, at most ten subscriptions. */
export async function agentJwt(keys: NatsKeys, agent: string, publicKey: string, nowSeconds: number): Promise<string> {
  const grant = agentGrant(agent)
  return encodeUser(agent, fromPublic(publicKey), keys.account, { pub: { allow: grant.publish }, sub: { allow: grant.subscribe }, subs: 10, payload: 1_048_576 }, { exp: nowSeconds + DAY_SECONDS })
}
