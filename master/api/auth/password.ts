import { createHash } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'

/** Determined's client sends hex SHA-512 of this salt and the text, never the text. */
const CLIENT_SALT = 'GubPEmmotfiK9TMD6Zdw'

/** What the client would send for this text; an empty password stays empty there. */
export function clientHash(text: string): string {
  return text === '' ? '' : createHash('sha512').update(CLIENT_SALT + text).digest('hex')
}

export function presentedPassword(password: string, isHashed: boolean): string {
  return isHashed ? password : clientHash(password)
}

/** argon2id of the client's hash, as it is stored. */
export function hashPassword(presented: string): Promise<string> {
  return hash(presented)
}

/** `stored` null (no such user) takes as long as a wrong password. */
export async function passwordMatches(stored: string | null, presented: string, decoy: string): Promise<boolean> {
  const matches = await verify(stored ?? decoy, presented)
  return matches && stored !== null
}

const HEX_SHA512 = /^[0-9a-f]{128}$/

/** What is wrong with a new password, with the cure; null when it may be used. */
export function passwordMistake(password: string, isHashed: boolean): string | null {
  if (password === '') return 'password is empty: choose one with at least 8 characters'
  if (isHashed) return HEX_SHA512.test(password) ? null : 'password is not the hex SHA-512 that isHashed promises: send the hash, or isHashed false with the text'
  return password.length < 8 ? 'password has fewer than 8 characters: choose a longer one' : null
}
