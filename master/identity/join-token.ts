import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The secret half of the join token, made once and kept in the state directory, mode 0600. */
export async function loadJoinSecret(stateDir: string): Promise<string> {
  const path = join(stateDir, 'join-secret')
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  await writeFile(path, randomBytes(24).toString('base64url'), { mode: 0o600, flag: 'wx', flush: true }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  })
  return (await readFile(path, 'utf8')).trim()
}

/** Only this is ever stored of a bearer token. */
export function tokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

export function newToken(): string {
  return randomBytes(32).toString('base64url')
}
