import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { hashToken } from '../store/secrets.ts'
import { loadAuthority } from './authority.ts'
import { keepFile } from './state-file.ts'

/** The secret half, made once and kept in the state directory. */
export async function loadJoinSecret(stateDir: string): Promise<string> {
  return (await keepFile(join(stateDir, 'join-secret'), () => randomBytes(24).toString('base64url'))).trim()
}

/** What an agent is given: `<secret>.<SHA-256 of the CA certificate's DER, hex>`. */
export async function joinToken(stateDir: string, nowMs: number): Promise<string> {
  const authority = await loadAuthority(stateDir, nowMs)
  return `${await loadJoinSecret(stateDir)}.${authority.fingerprint}`
}

/** Agents send the secret; a whole token is understood too. Only its hash is stored. */
export function joinTokenHash(given: string): Buffer {
  return hashToken(given.split('.')[0] ?? '')
}
