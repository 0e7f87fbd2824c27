import { createHash } from 'node:crypto'

/** Fixed by Determined's clients: the master knows passwords only in this form, so that both kinds of client log in. */
const SALT = 'GubPEmmotfiK9TMD6Zdw'

/** SHA-512 over salt and password, hex; the empty password stays empty. */
export function hashPassword(password: string): string {
  return password === '' ? '' : createHash('sha512').update(SALT + password).digest('hex')
}
