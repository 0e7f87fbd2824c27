import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { countLiveCommands } from '../../store/queries/commands.ts'
import { findTask, listLiveAllocations, type LiveAllocationRow, type TaskRow } from '../../store/queries/tasks.ts'
import type { ApiDeps } from '../deps.ts'
import { notFound } from '../errors.ts'
import { memberContainerId } from '../shapes/agent.ts'
import { taskState } from '../shapes/states.ts'
import { shownAllocationId, shownTaskId, meantTask } from '../shapes/task-ids.ts'

export const TaskParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })

export function taskRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.get('/api/v1/tasks', async () => ({ allocationIdToSummary: Object.fromEntries((await listLiveAllocations(deps.db)).map((row) => [shownAllocationId(row.id, row.experiment_id), summaryShape(row)])) }))

  app.get('/api/v1/tasks/count', async () => ({ commands: await countLiveCommands(deps.db), notebooks: 0, shells: 0, tensorboards: 0 }))

  app.get<{ Params: { id: string } }>('/api/v1/tasks/:id', { config: { container: 'task' }, schema: { params: TaskParams } }, async (request) => {
    const meant = meantTask(request.params.id)
    const row = await findTask(deps.db, meant.id)
    if (!row || (meant.experimentId !== null && meant.experimentId !== row.experiment_id)) throw notFound('task', request.params.id)
    return { task: taskShape(row) }
  })
}

function taskShape(row: TaskRow): Record<string, unknown> {
  return {
    taskId: shownTaskId(row.id, row.experiment_id),
    taskType: `TASK_TYPE_${row.kind}`,
    startTime: row.started_at.toISOString(),
    endTime: row.ended_at?.toISOString() ?? null,
    config: row.config === null ? '' : JSON.stringify(row.config),
    parentId: '',
    taskState: row.ended_at === null ? 'GENERIC_TASK_STATE_ACTIVE' : 'GENERIC_TASK_STATE_COMPLETED',
    noPause: false,
    allocations: row.allocations.map((allocation) => ({
      taskId: shownTaskId(row.id, row.experiment_id), allocationId: shownAllocationId(allocation.id, row.experiment_id), state: taskState(allocation.state), slots: allocation.slots, isReady: allocation.state === 'RUNNING',
      startTime: new Date(allocation.created_at).toISOString(), endTime: allocation.ended_at === null ? null : new Date(allocation.ended_at).toISOString(),
      exitReason: allocation.exit_text, statusCode: allocation.exit_code ?? 0,
    })),
  }
}

function summaryShape(row: LiveAllocationRow): Record<string, unknown> {
  const name = row.experiment_id === null ? (row.command_name ?? row.task_id) : `Trial ${row.trial_id ?? ''} (Experiment ${row.experiment_id})`
  const shown = shownAllocationId(row.id, row.experiment_id)
  return {
    taskId: shownTaskId(row.task_id, row.experiment_id), allocationId: shown, name, registeredTime: row.created_at.toISOString(), resourcePool: row.pool, slotsNeeded: row.slots, schedulerType: 'priority', priority: row.priority ?? 42, proxyPorts: [],
    resources: row.members.map((member) => ({
      resourcesId: `${row.id}.r${member.rank}`, resourcesType: 'docker-container', allocationId: shown, containerId: memberContainerId(member, row.id),
      agentDevices: { [member.agent_id]: { devices: [] } }, started: null, exited: null,
    })),
  }
}
