import { join } from 'node:path'
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from '@nats-io/nkeys'
import { keepFile } from './state-file.ts'

/**
 * The cluster's NATS identity: operator > account > users. The server holds no list of users; the master signs a JWT
 * for each agent with the account key, and the server checks it. Seeds stay in the master's state directory.
 */
export interface NatsKeys {
  operator: KeyPair
  account: KeyPair
  system: KeyPair
  master: KeyPair
}

export async function loadNatsKeys(stateDir: string): Promise<NatsKeys> {
  const key = async (name: string, create: () => KeyPair): Promise<KeyPair> => {
    const seed = await keepFile(join(stateDir, 'nats', `${name}.nk`), () => Buffer.from(create().getSeed()).toString('utf8'))
    return fromSeed(new TextEncoder().encode(seed.trim()))
  }
  return { operator: await key('operator', createOperator), account: await key('account', createAccount), system: await key('system', createAccount), master: await key('master', createUser) }
}
