import type { ColumnType, Generated, JSONColumnType } from 'kysely'
import type { ExperimentConfig } from '../../protocol/words/experiment-config.ts'
import type { CloudFailure, InstanceState, Market, NoticeKind } from '../../protocol/words/instances.ts'
import type { ExitKind } from '../../protocol/words/failures.ts'
import type { AllocationState, CheckpointState, ExperimentState, TrialState, Want } from '../../protocol/words/states.ts'
import type { SearchEvent, SearchState } from '../search/words.ts'
import type { Inventory } from '../../protocol/wire/heartbeat.ts'

/** Rows as Postgres gives them. bigint columns are parsed to numbers (ids stay far below 2^53). */
type Time = ColumnType<Date, Date | string | undefined, Date | string>
type TimeOrNull = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>
type Json<T> = ColumnType<T, string | undefined, string>
type JsonOrNull<T> = ColumnType<T | null, string | null | undefined, string | null>

export interface ClusterTable { id: Generated<number>; cluster_id: string; term: Generated<number>; incarnation: Generated<string>; created_at: Time }
export interface LeaderTable { id: Generated<number>; epoch: number; holder: string; until: Time }
export interface UsersTable {
  id: Generated<number>; username: string; display_name: string | null; admin: Generated<boolean>; active: Generated<boolean>
  password_hash: string; agent_user: JsonOrNull<{ uid: number; user: string; gid: number; group: string }>; created_at: Time; modified_at: Time
}
export interface TokensTable {
  hash: Buffer; kind: 'session' | 'allocation' | 'agent'; user_id: number | null; allocation_id: string | null
  agent_id: string | null; created_at: Time; expires_at: TimeOrNull
}
export interface JoinTokensTable { hash: Buffer; created_at: Time; expires_at: TimeOrNull; launch_id: string | null }
export interface BlobsTable { digest: string; bytes: Buffer; created_at: Time }
export interface ExperimentsTable {
  id: Generated<number>; job_id: Generated<string>; name: string; slug: string; description: Generated<string>; notes: Generated<string>
  labels: Json<string[]>; state: ExperimentState; state_reason: Generated<string>; archived: Generated<boolean>; owner_id: number
  project_id: Generated<number>; parent_id: number | null; config: JSONColumnType<ExperimentConfig>; original_config: string
  context_digest: string | null; resource_pool: string; slots_per_trial: number; priority: number; max_restarts: number
  searcher: Json<Record<string, unknown>>; progress: Generated<number>; started_at: Time; ended_at: TimeOrNull; max_slots: number | null; source_checkpoint: string | null
}
export interface SearchesTable { experiment_id: number; token: string; seq: Generated<number>; snapshot: Json<SearchState>; snapshot_seq: Generated<number>; trials: number }
export interface SearchEventsTable { experiment_id: number; seq: number; event: Json<SearchEvent> }
export interface TasksTable {
  id: string; kind: 'TRIAL' | 'COMMAND' | 'NOTEBOOK' | 'SHELL' | 'TENSORBOARD'; experiment_id: number | null
  epoch: Generated<number>; log_lines: Generated<number>; started_at: Time; ended_at: TimeOrNull
}
/** `metrics` as reported; `steps` the batch count they belong to. */
export interface MetricsSnapshot { steps: number; time: string; values: Record<string, unknown> }
export interface TrialsTable {
  id: Generated<number>; experiment_id: number; request_id: string; task_id: string; state: TrialState; state_reason: Generated<string>
  hparams: Json<Record<string, unknown>>; seed: number; restarts: Generated<number>; runner_state: Generated<string>
  progress: Generated<number>; steps_completed: Generated<number>; searcher_metric: number | null
  best_validation: JsonOrNull<MetricsSnapshot>; latest_validation: JsonOrNull<MetricsSnapshot>; latest_training: JsonOrNull<MetricsSnapshot>; metadata: JsonOrNull<Record<string, unknown>>
  started_at: Time; ended_at: TimeOrNull; number: Generated<number>; stop: 'search' | 'kill' | null; stop_reason: Generated<string>; early_exit: string | null
}
export interface AllocationsTable {
  id: string; task_id: string; epoch: number; state: AllocationState; pool: string; slots: number
  want: Generated<Want>; want_reason: Generated<string>; want_at: TimeOrNull; wait_reason: Generated<string>; drained: Generated<boolean>
  exit_kind: ExitKind | null; exit_code: number | null; exit_text: Generated<string>; exit_at: TimeOrNull; oom_killed: Generated<boolean>
  created_at: Time; assigned_at: TimeOrNull; running_at: TimeOrNull; ended_at: TimeOrNull; sealed_at: TimeOrNull; adopted: Generated<boolean>
}
export interface AllocationMembersTable {
  allocation_id: string; rank: number; agent_id: string; slot_ids: Json<string[]>; spec_digest: string; state: AllocationState
  container_id: string | null; drained: Generated<boolean>; log_container: Generated<string>; log_cursor: Generated<number>
  address: string | null; port: number | null; lost: Generated<boolean>
}
export interface AgentsTable {
  id: string; pool: string; hostname: string; public_key: string; version: string; generation: Generated<number>; inc: Generated<number>
  inventory: JsonOrNull<Inventory>; inventory_hash: Generated<string>; enabled: Generated<boolean>; draining: Generated<boolean>
  disabled_slots: Json<string[]>; draining_slots: Json<string[]>; outbox: Generated<number>; enrolled_at: Time; seen_at: TimeOrNull; retired_at: TimeOrNull
  retiring: string | null; drained: Generated<boolean>; notice: NoticeKind | null; lost_at: TimeOrNull
}
export interface CursorsTable { agent_id: string; inc: number; stream: string; seq: number; failures: Generated<number> }
export interface DeadEventsTable { id: Generated<number>; agent_id: string; inc: number; stream: string; seq: number; raw: string; error: string; at: Time }
export interface MetricsTable {
  id: Generated<number>; trial_id: number; epoch: number; group: string; steps: number
  values: Json<Record<string, unknown>>; reported_at: Time; replaced: Generated<boolean>; batches: JsonOrNull<Record<string, unknown>[]>
}
export interface CheckpointsTable {
  uuid: string; task_id: string; trial_id: number | null; experiment_id: number | null; allocation_id: string; epoch: number; ordinal: number
  steps: number; state: CheckpointState; error: Generated<string>; prefix: string; manifest_digest: string | null
  resources: Json<Record<string, number>>; bytes: Generated<number>; metadata: Json<Record<string, unknown>>; metrics: Json<Record<string, unknown>>
  declared_at: Time; uploaded_at: TimeOrNull; report_time: TimeOrNull; pointer_written: Generated<boolean>
  kind: Generated<'cluster' | 'own'>; parts: number | null
}
export interface CheckpointPartsTable { uuid: string; rank: number; list: string }
export interface MetricsPartsTable { allocation_id: string; report: string; part: number; text: string }
export interface AllGathersTable { allocation_id: string; round: number; request: string; peers: number; data: Json<unknown> }
/** [unix ms, stream, level, text]; level is one of CRITICAL ERROR WARNING INFO DEBUG TRACE or empty. */
export type StoredLine = [t: number, std: 'stdout' | 'stderr', level: string, text: string]
export interface LogChunksTable {
  task_id: string; first_line: number; line_count: number; allocation_id: string; rank: number; agent_id: string; container_id: string
  source: string; first_at: Time; last_at: Time; lines: Json<StoredLine[]>
}
export interface EventsTable {
  id: Generated<number>; at: Time; kind: string; experiment_id: number | null; trial_id: number | null; allocation_id: string | null
  agent_id: string | null; text: string; data: Json<Record<string, unknown>>; instance_id: string | null; pool: string | null
}
export interface LaunchesTable {
  id: string; pool: string; type: string; zone: string; subnet: string | null; market: Market; gang: boolean; count: number; slots: number; per_hour: number | null
  allocations: Json<string[]>; reason: Generated<string>; state: 'LAUNCHING' | 'DONE' | 'FAILED'; error_kind: CloudFailure | null; error_code: Generated<string>; error_text: Generated<string>
  decided_at: Time; called_at: TimeOrNull; settled_at: TimeOrNull
}
export interface InstancesTable {
  id: string; launch_id: string; pool: string; type: string; zone: string; market: Market; slots: number; per_hour: number | null
  state: Exclude<InstanceState, 'LAUNCHING' | 'FAILED'>; state_reason: Generated<string>; private_ip: string | null
  launched_at: Time; registered_at: TimeOrNull; retiring_at: TimeOrNull; terminating_at: TimeOrNull; gone_at: TimeOrNull
  notice: NoticeKind | null; notice_at: TimeOrNull; notice_until: TimeOrNull; missed: Generated<number>; missed_since: TimeOrNull; console: Generated<string>
}
/** `zone` '' = every zone */
export interface DryMarksTable { pool: string; type: string; zone: Generated<string>; market: Market; until: Time; kind: CloudFailure; code: string; text: string }
export interface PoolsTable { name: string; note: Generated<string>; last_call_at: TimeOrNull; strikes: Generated<number>; paused: string | null; paused_at: TimeOrNull }
export interface OrphansTable { id: string; region: string; first_seen: Time; passes: Generated<number>; ended_at: TimeOrNull }
export interface AlarmsTable { key: string; text: string; since: Time; data: Json<Record<string, unknown>> }

export interface WorkspacesTable { id: Generated<number>; name: string; owner_id: number | null; archived: Generated<boolean>; immutable: Generated<boolean>; created_at: Time }
export interface ProjectNote { name: string; contents: string }
export interface ProjectsTable {
  id: Generated<number>; workspace_id: number; name: string; key: string; description: Generated<string>; notes: Json<ProjectNote[]>
  owner_id: number | null; archived: Generated<boolean>; immutable: Generated<boolean>; created_at: Time
}
export interface TemplatesTable { name: string; workspace_id: number; owner_id: number; config: Json<Record<string, unknown>>; created_at: Time }
export interface ModelsTable {
  id: Generated<number>; name: string; description: Generated<string>; metadata: Json<Record<string, unknown>>; labels: Json<string[]>; notes: Generated<string>
  workspace_id: number; owner_id: number; archived: Generated<boolean>; last_version: Generated<number>; created_at: Time; updated_at: Time
}
export interface ModelVersionsTable {
  id: Generated<number>; model_id: number; version: number; checkpoint_uuid: string; name: Generated<string>; comment: Generated<string>; notes: Generated<string>
  labels: Json<string[]>; metadata: Json<Record<string, unknown>>; owner_id: number; created_at: Time; updated_at: Time
}
export interface CommandsTable {
  task_id: string; job_id: Generated<string>; owner_id: number; workspace_id: Generated<number>; description: string; config: Json<Record<string, unknown>>
  context_digest: string | null; resource_pool: string; slots: number; priority: number; after_experiment: number; killed_by: Generated<string>; end_reason: Generated<string>
}

export interface Database {
  cluster: ClusterTable; leader: LeaderTable; users: UsersTable; tokens: TokensTable; join_tokens: JoinTokensTable; blobs: BlobsTable
  experiments: ExperimentsTable; tasks: TasksTable; trials: TrialsTable; allocations: AllocationsTable; allocation_members: AllocationMembersTable
  agents: AgentsTable; cursors: CursorsTable; dead_events: DeadEventsTable; metrics: MetricsTable; checkpoints: CheckpointsTable
  log_chunks: LogChunksTable; events: EventsTable; searches: SearchesTable; search_events: SearchEventsTable
  checkpoint_parts: CheckpointPartsTable; metrics_parts: MetricsPartsTable; all_gathers: AllGathersTable
  launches: LaunchesTable; instances: InstancesTable; dry_marks: DryMarksTable; pools: PoolsTable; orphans: OrphansTable; alarms: AlarmsTable
  workspaces: WorkspacesTable; projects: ProjectsTable; templates: TemplatesTable; models: ModelsTable; model_versions: ModelVersionsTable; commands: CommandsTable
}
