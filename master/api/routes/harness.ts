import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Uuid } from '../../../protocol/wire/scalars.ts'
import { blobSize, readBlob } from '../../store/blobs.ts'
import { findExperiment } from '../../store/queries/experiments.ts'
import { enterRound, findBestMetric, findContext, findRunMetadata, markDeleted, readRound, setRunMetadata } from '../../store/queries/harness.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'
import { IdParams } from '../page.ts'
import { meantTask } from '../shapes/task-ids.ts'
import { TaskParams } from './tasks.ts'

const Json = Type.Record(Type.String(), Type.Unknown())
const METADATA_BYTES_MAX = 256 * 1024
const GATHER_MS_MAX = 10 * 60_000
const LOOK_AGAIN_MS = 250
const AllocationParams = Type.Object({ id: Type.String({ minLength: 3, maxLength: 80 }) })
const Gather = Type.Object({
  requestUuid: Type.String({ minLength: 1, maxLength: 64 }), numPeers: Type.Optional(Type.Integer({ minimum: 1, maximum: 1024 })), data: Type.Unknown(), allocationId: Type.Optional(Type.Unknown()),
})
const Patch = Type.Object({
  checkpoints: Type.Array(Type.Object({ uuid: Uuid, resources: Type.Optional(Type.Union([Type.Null(), Type.Object({ resources: Type.Optional(Type.Union([Type.Null(), Json])) })])) }), { maxItems: 1000 }),
})

/** What training containers ask of the master beside reading: their gateway waits with each call until the master is there. */
export function harnessRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const { db } = deps
  const forRun = { container: 'trial' as const }

  app.get<{ Params: { id: number } }>('/api/v1/runs/:id/metadata', { config: forRun, schema: { params: IdParams } }, async ({ params }) => {
    const metadata = await findRunMetadata(db, params.id)
    if (metadata === undefined) throw notFound('run', params.id)
    return { metadata: metadata ?? {} }
  })

  app.post<{ Params: { id: number }; Body: { metadata: Record<string, unknown> } }>('/api/v1/runs/:id/metadata', { config: forRun, schema: { params: IdParams, body: Type.Object({ metadata: Json }) } }, async ({ params, body }) => {
    const bytes = Buffer.byteLength(JSON.stringify(body.metadata))
    if (bytes > METADATA_BYTES_MAX) throw new ApiFault(413, `metadata has ${bytes} bytes, at most ${METADATA_BYTES_MAX} are taken`)
    if (!(await setRunMetadata(db, params.id, body.metadata))) throw notFound('run', params.id)
    return { metadata: body.metadata }
  })

  app.get<{ Params: { id: number } }>('/api/v1/experiments/:id/searcher/best_searcher_validation_metric', { config: { container: 'experiment' }, schema: { params: IdParams } }, async ({ params }) => {
    const experiment = await findExperiment(db, params.id)
    if (!experiment) throw notFound('experiment', params.id)
    const metric = await findBestMetric(db, params.id, experiment.config.searcher)
    if (metric === null) throw new ApiFault(404, `experiment ${params.id} has no validation of its searcher's metric yet`)
    return { metric }
  })

  app.get<{ Params: { id: string } }>('/api/v1/tasks/:id/context_directory', { config: { container: 'task' }, schema: { params: TaskParams } }, async ({ params }) => {
    const digest = await findContext(db, meantTask(params.id).id)
    if (digest === undefined) throw notFound('task', params.id)
    const size = digest === null ? null : await blobSize(db, digest)
    if (digest === null || size === null) return { b64Tgz: '' }
    const chunks: Buffer[] = []
    for await (const chunk of readBlob(db, digest, size)) chunks.push(chunk)
    return { b64Tgz: Buffer.concat(chunks).toString('base64') }
  })

  allGatherRoute(app, deps)

  app.patch<{ Body: Type.Static<typeof Patch> }>('/api/v1/checkpoints', { config: { container: 'self' }, schema: { body: Patch } }, async (request) => {
    for (const { uuid, resources } of request.body.checkpoints) {
      if (resources === undefined || resources === null) continue
      if (!(await markDeleted(db, uuid, experimentOf(request), sizesOf(resources.resources ?? {})))) throw notFound('checkpoint', uuid)
    }
    return {}
  })
}

/** Every member of an allocation tells the others something: answered when all have, as many as they say to be. */
function allGatherRoute(app: FastifyInstance, { db }: ApiDeps): void {
  app.post<{ Params: { id: string }; Body: Type.Static<typeof Gather> }>('/api/v1/allocations/:id/all_gather', { config: { container: 'allocation' }, schema: { params: AllocationParams, body: Gather } }, async (request, reply) => {
    const { params, body } = request
    const round = await enterRound(db, { allocation: params.id, request: body.requestUuid, peers: body.numPeers ?? 1, data: body.data ?? {} })
    if (round === null) throw notFound('live allocation', params.id)
    for (let waited = 0; waited < GATHER_MS_MAX; waited += LOOK_AGAIN_MS) {
      const { data, peers } = await readRound(db, params.id, round)
      if (data.length >= peers) return { data }
      await sleep(LOOK_AGAIN_MS)
      if (reply.raw.destroyed) break
    }
    throw new ApiFault(504, `not all members of ${params.id} have come to the all-gather: ask again`)
  })
}

/** A container deletes checkpoints of its own experiment; a user with a session those of any. */
function experimentOf(request: FastifyRequest): number | null {
  return request.caller?.kind === 'allocation' ? (request.caller.experimentId ?? -1) : null
}

function sizesOf(resources: Record<string, unknown>): Record<string, number> {
  return Object.fromEntries(Object.entries(resources).map(([name, size]) => [name, Number(size)]))
}
