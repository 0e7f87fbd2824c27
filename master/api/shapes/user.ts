import type { ApiUser } from '../../../protocol/wire/api.ts'
import type { UserRow } from '../../store/queries/users.ts'

export function userShape(row: UserRow): ApiUser {
  const agent = row.agent_user
  return {
    id: row.id, username: row.username, displayName: row.display_name ?? '', admin: row.admin, active: row.active, remote: false, modifiedAt: row.modified_at.toISOString(),
    agentUserGroup: agent === null ? null : { agentUid: agent.uid, agentUser: agent.user, agentGid: agent.gid, agentGroup: agent.group },
  }
}
