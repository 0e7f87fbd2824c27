import { createHash, randomBytes } from 'node:crypto'

/** A bearer token of 256 bits and the SHA-256 under which it is kept; the token itself is stored nowhere. */
export function newToken(): { token: string; hash: Buffer } {
  const token = randomBytes(32).toString('base64url')
  return { token, hash: hashToken(token) }
}

export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
