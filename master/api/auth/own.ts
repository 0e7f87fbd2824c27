import { ApiFault } from '../errors.ts'
import type { UserCaller } from './caller.ts'

/** Whoever made it, or an administrator, may go on; `what` names it. */
export function mustOwn(caller: UserCaller, ownerId: number | null, what: string): void {
  if (caller.admin || caller.userId === ownerId) return
  throw new ApiFault(403, `${what} is another user's: ask its owner or an administrator to do this`)
}
