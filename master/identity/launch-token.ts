import { createHmac, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { joinTokenHash } from './join-token.ts'
import { keepFile } from './state-file.ts'

/** Made once and kept in the state directory: from it come the join secrets of all launches, which are stored nowhere. */
export async function loadLaunchKey(stateDir: string): Promise<string> {
  return (await keepFile(join(stateDir, 'launch-key'), () => randomBytes(32).toString('base64url'))).trim()
}

/** The same id gives the same token at any time and after any crash: the user data of a repeated call must not differ. */
export function launchToken(key: string, launch: string, fingerprint: string): { token: string; hash: Buffer } {
  const secret = createHmac('sha256', key).update(`drover launch ${launch}`).digest('base64url')
  return { token: `${secret}.${fingerprint}`, hash: joinTokenHash(secret) }
}
