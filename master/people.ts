import type { FastifyInstance } from 'fastify'
import type { ApiDeps } from './api/deps.ts'
import type { Db } from './store/db.ts'

/** The people's API as the composition needs it: `main` hands in the real one, tests of the other rooms a small one. */
export interface People {
  createApi(deps: ApiDeps): Promise<FastifyInstance>
  /** users `admin` and `determined` at the very first start */
  ensureFirstUsers(db: Db, password: string | null): Promise<void>
}
