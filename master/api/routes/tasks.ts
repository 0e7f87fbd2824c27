import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { findTask, listLiveAllocations, type LiveAllocationRow, type TaskRow } from '../../store/queries/tasks.ts'
import type { ApiDeps } from '../deps.ts'
import { notFound } from '../errors.ts'
import { memberContainerId } from '../shapes/agent.ts'
import { taskState } from '../shapes/states.ts'

export const TaskParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) })

export function taskRoutes(app: FastifyInstance, deps: ApiDeps): void {
  app.get('/api/v1/tasks', async () => ({ allocationIdToSummary: Object.fromEntries((await listLiveAllocations(deps.db)).map((row) => [row.id, summaryShape(row)])) }))

  app.get<{ Params: { id: string } }>('/api/v1/tasks/:id', { config: { container: 'task' }, schema: { params: TaskParams } }, async (request) => {
    const row = await findTask(deps.db, request.params.id)
    if (!row) throw notFound('task', request.params.id)
    return { task: taskShape(row) }
  })
}

function taskShape(row: TaskRow): Record<string, unknown> {
  return {
    taskId: row.id,
    taskType: `TASK_TYPE_${row.kind}`,
    startTime: row.started_at.toISOString(),
    endTime: row.ended_at?.toISOString() ?? null,
    config: row.config === null ? '' : JSON.stringify(row.config),
    parentId: '',
    taskState: row.ended_at === null ? 'GENERIC_TASK_STATE_ACTIVE' : 'GENERIC_TASK_STATE_COMPLETED',
    noPause: false,
    allocations: row.allocations.map((allocation) => ({
      taskId: row.id, allocationId: allocation.id, state: taskState(allocation.state), slots: allocation.slots, isReady: allocation.state === 'RUNNING',
      startTime: new Date(allocation.created_at).toISOString(), endTime: allocation.ended_at === null ? null : new Date(allocation.ended_at).toISOString(),
      exitReason: allocation.exit_text, statusCode: allocation.exit_code ?? 0,
    })),
  }
}

function summaryShape(row: LiveAllocationRow): Record<string, unknown> {
  const name = row.experiment_id === null ? row.task_id : `Trial ${row.trial_id ?? ''} (Experiment ${row.experiment_id})`
  return {
    taskId: row.task_id, allocationId: row.id, name, registeredTime: row.created_at.toISOString(), resourcePool: row.pool, slotsNeeded: row.slots, schedulerType: 'priority', priority: row.priority ?? 42, proxyPorts: [],
    resources: row.members.map((member) => ({
      resourcesId: `${row.id}.r${member.rank}`, resourcesType: 'docker-container', allocationId: row.id, containerId: memberContainerId(member, row.id),
      agentDevices: { [member.agent_id]: { devices: [] } }, started: null, exited: null,
    })),
  }
}
