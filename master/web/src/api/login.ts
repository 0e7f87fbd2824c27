import { requestJson } from './http.ts'
import type { User } from './shapes.ts'

/** Determined's fixed salt: clients of that system hash the password before they send it. */
const PASSWORD_SALT = 'GubPEmmotfiK9TMD6Zdw'

/** @returns hex of SHA-512(salt + text). */
export async function hashPassword(text: string, subtle: SubtleCrypto): Promise<string> {
  const digest = await subtle.digest('SHA-512', new TextEncoder().encode(PASSWORD_SALT + text))
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Logs in; the master answers with a cookie. Browsers offer SubtleCrypto over HTTPS and on localhost only:
 * elsewhere the text goes as typed and the master hashes it.
 * @throws ApiError
 */
export async function logIn(username: string, password: string): Promise<User> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle
  const body = subtle === undefined ? { username, password, isHashed: false } : { username, password: await hashPassword(password, subtle), isHashed: true }
  const answer = await requestJson<{ user: User }>('POST', '/api/v1/auth/login', { body })
  return answer.user
}

export async function logOut(): Promise<void> {
  await requestJson('POST', '/api/v1/auth/logout')
}
