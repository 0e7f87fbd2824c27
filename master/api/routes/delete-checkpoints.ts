import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { Uuid } from '../../../protocol/wire/scalars.ts'
import { userOf } from '../auth/guard.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault, notFound } from '../errors.ts'

const Uuids = Type.Array(Uuid, { minItems: 1, maxItems: 1000 })
const DeleteBody = Type.Object({ checkpointUuids: Uuids })
const RemoveBody = Type.Object({ checkpointUuids: Uuids, checkpointGlobs: Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { minItems: 1, maxItems: 100 }) })

/** Whole checkpoints, or files of them by pattern. Answered once they are marked; the bytes go after it. */
export function deleteCheckpointRoutes(app: FastifyInstance, { commands }: ApiDeps): void {
  app.delete<{ Body: Type.Static<typeof DeleteBody> }>('/api/v1/checkpoints', { schema: { body: DeleteBody } }, async (request) => {
    const { checkpointUuids: uuids } = request.body
    answer(await commands.deleteCheckpoints({ uuids, globs: null, by: userOf(request) }), uuids)
    return {}
  })

  app.post<{ Body: Type.Static<typeof RemoveBody> }>('/api/v1/checkpoints/rm', { schema: { body: RemoveBody } }, async (request) => {
    const { checkpointUuids: uuids, checkpointGlobs: globs } = request.body
    answer(await commands.deleteCheckpoints({ uuids, globs, by: userOf(request) }), uuids)
    return {}
  })
}

function answer(result: { kind: 'done' } | { kind: 'not-found' } | { kind: 'conflict'; message: string }, uuids: readonly string[]): void {
  if (result.kind === 'not-found') throw notFound(uuids.length === 1 ? 'checkpoint' : 'one of the checkpoints', uuids.join(', '))
  if (result.kind === 'conflict') throw new ApiFault(409, result.message)
}
