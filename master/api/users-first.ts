import type { Db } from '../store/db.ts'
import { clientHash, hashPassword, passwordMistake } from './auth/password.ts'

/**
 * At the first start: users `admin` (administrator) and `determined`, both with this password. Where there are users
 * already, nothing is changed. Safe when two masters start together. Throws where a password is needed and unfit.
 */
export async function ensureFirstUsers(db: Db, password: string | null): Promise<void> {
  const known = await db.selectFrom('users').select('id').limit(1).executeTakeFirst()
  if (known) return
  const mistake = passwordMistake(password ?? '', false)
  if (mistake !== null || password === null) throw new Error(`security.initial_user_password: ${mistake} (DROVER_INITIAL_PASSWORD); the first start makes the users admin and determined with it`)
  const hash = await hashPassword(clientHash(password))
  await db.insertInto('users').values([
    { username: 'admin', display_name: null, admin: true, active: true, password_hash: hash },
    { username: 'determined', display_name: null, admin: false, active: true, password_hash: hash },
  ]).onConflict((conflict) => conflict.doNothing()).execute()
}
