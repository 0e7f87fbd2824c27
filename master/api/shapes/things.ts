import type { ModelRow } from '../../store/queries/models.ts'
import type { VersionRow } from '../../store/queries/model-versions.ts'
import type { ProjectRow } from '../../store/queries/projects.ts'
import type { TemplateRow } from '../../store/queries/templates.ts'
import type { WorkspaceRow } from '../../store/queries/workspaces.ts'

/** What came with the cluster is shown as the administrator's. */
const FIRST_OWNER = { id: 1, name: 'admin' }

export function workspaceShape(row: WorkspaceRow): Record<string, unknown> {
  return {
    id: row.id, name: row.name, archived: row.archived, username: row.username ?? FIRST_OWNER.name, immutable: row.immutable, numProjects: row.projects, pinned: false, userId: row.owner_id ?? FIRST_OWNER.id,
    numExperiments: row.experiments, state: 'WORKSPACE_STATE_UNSPECIFIED', errorMessage: '', agentUserGroup: null, checkpointStorageConfig: null, pinnedAt: null, defaultComputePool: '', defaultAuxPool: '',
  }
}

export function projectShape(row: ProjectRow): Record<string, unknown> {
  return {
    id: row.id, name: row.name, key: row.key, workspaceId: row.workspace_id, workspaceName: row.workspace_name, description: row.description, notes: row.notes, archived: row.archived, immutable: row.immutable,
    lastExperimentStartedAt: row.last_started?.toISOString() ?? null, numExperiments: row.experiments, numActiveExperiments: row.active, numRuns: row.runs, username: row.username ?? FIRST_OWNER.name,
    userId: row.owner_id ?? FIRST_OWNER.id, state: 'WORKSPACE_STATE_UNSPECIFIED', errorMessage: '',
  }
}

export function templateShape(row: TemplateRow): Record<string, unknown> {
  return { name: row.name, config: row.config, workspaceId: row.workspace_id }
}

export function modelShape(row: ModelRow): Record<string, unknown> {
  return {
    id: row.id, name: row.name, description: row.description, metadata: row.metadata, labels: row.labels, notes: row.notes, archived: row.archived, workspaceId: row.workspace_id, userId: row.owner_id, username: row.username,
    numVersions: row.versions, creationTime: row.created_at.toISOString(), lastUpdatedTime: row.updated_at.toISOString(),
  }
}

export function versionShape(row: VersionRow, model: ModelRow, checkpoint: object): Record<string, unknown> {
  return {
    id: row.id, version: row.version, model: modelShape(model), checkpoint, name: row.name, comment: row.comment, notes: row.notes, labels: row.labels, metadata: row.metadata, userId: row.owner_id, username: row.username,
    creationTime: row.created_at.toISOString(), lastUpdatedTime: row.updated_at.toISOString(),
  }
}
