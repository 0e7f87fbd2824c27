import type { EnrollRequest } from '../../protocol/wire/enroll.ts'
import type { Tx } from '../store/leader.ts'

export type JoinRefusal = { ok: false; status: 401 | 409 | 503; error: string }

/** States in which the agent of an instance may enrol. */
const OPEN = new Set(['STARTING', 'READY', 'RETIRING'])

/**
 * A launch's join token is for the instances of that launch alone, in its pool. One whose row is not there yet is asked
 * to come again: the reply of EC2 may be late. Null = it may enrol.
 */
export async function refuseByLaunch(tx: Tx, launchId: string, request: EnrollRequest): Promise<JoinRefusal | null> {
  const launch = await tx.selectFrom('launches').select(['pool', 'state', 'count']).where('id', '=', launchId).executeTakeFirst()
  if (launch === undefined || launch.state === 'FAILED') return { ok: false, status: 401, error: `launch ${launchId} of this join token was given up: the instance is not needed, terminate it` }
  const rows = await tx.selectFrom('instances').select(['id', 'state']).where('launch_id', '=', launchId).execute()
  const row = rows.find((one) => one.id === request.agentId)
  if (row === undefined) {
    if (launch.state === 'LAUNCHING' || rows.length < launch.count) return { ok: false, status: 503, error: `EC2 has not told of instance ${request.agentId} yet: try again in some seconds` }
    return { ok: false, status: 401, error: `this join token is for the instances of launch ${launchId} alone, and ${request.agentId} is none of them: give this agent a token from \`drover-master join-token\`` }
  }
  if (!OPEN.has(row.state)) return { ok: false, status: 409, error: `instance ${request.agentId} is ${row.state}: it takes no more work and ends` }
  if (request.pool !== launch.pool) return { ok: false, status: 409, error: `instance ${request.agentId} was launched for pool ${launch.pool}, its agent says ${request.pool}: leave DROVER_POOL as its user data has it` }
  return null
}
