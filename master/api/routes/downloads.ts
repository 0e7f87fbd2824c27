import { pipeline, Readable, Transform } from 'node:stream'
import { pipeline as whole } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { pack, type Pack } from 'tar-stream'
import Type from 'typebox'
import type { ApiCheckpointFiles } from '../../../protocol/wire/api.ts'
import { Uuid } from '../../../protocol/wire/scalars.ts'
import type { CheckpointRow } from '../../store/queries/checkpoints.ts'
import type { ApiDeps } from '../deps.ts'
import { ApiFault } from '../errors.ts'
import { isSamePlace, urlOf } from '../shapes/storage.ts'
import { mustFind, UuidParams } from './checkpoints.ts'

const DownloadQuery = Type.Object({ format: Type.Optional(Type.Union([Type.Literal('tar'), Type.Literal('tgz')])) })
const FileParams = Type.Object({ id: Uuid, '*': Type.String({ minLength: 1, maxLength: 1024 }) })

/** Bytes of checkpoints by way of the master: streamed, never held. */
export function downloadRoutes(app: FastifyInstance, deps: ApiDeps, stopping: AbortSignal): void {
  app.get<{ Params: { id: string }; Querystring: { format?: 'tar' | 'tgz' } }>('/checkpoints/:id', { config: { container: 'checkpoint' }, schema: { params: UuidParams, querystring: DownloadQuery } }, async (request, reply) => {
    const row = await mustHaveBytes(deps, request.params.id)
    const isZipped = isGzipAsked(request, request.query.format)
    const signal = whileConnected(reply, stopping)
    const tar = Readable.from(archiveOf(deps, row, signal), { objectMode: false })
    // an error before the first bytes becomes an answer with words; later the connection breaks, which a short archive would hide
    const out = isZipped ? pipeline(tar, createGzip({ level: constants.Z_BEST_SPEED }), (error) => {
      if (error && !signal.aborted) deps.log.warn({ uuid: row.uuid, err: error }, 'checkpoint download broke off')
    }) : tar
    void reply.header('content-disposition', `attachment; filename="${row.uuid}.${isZipped ? 'tgz' : 'tar'}"`)
    return reply.type(isZipped ? 'application/gzip' : 'application/x-tar').send(out)
  })

  app.get<{ Params: { id: string } }>('/api/v1/drover/checkpoints/:id/files', { config: { container: 'checkpoint' }, schema: { params: UuidParams } }, async (request): Promise<ApiCheckpointFiles> => {
    const row = await mustFind(deps, request.params.id)
    return { uuid: row.uuid, url: urlOf(row.config?.checkpoint_storage ?? deps.settings.checkpointStorage, row.prefix), bytes: String(row.bytes), files: filesOf(row) }
  })

  app.get<{ Params: Type.Static<typeof FileParams> }>('/api/v1/drover/checkpoints/:id/files/*', { config: { container: 'checkpoint' }, schema: { params: FileParams } }, async (request, reply) => {
    const row = await mustHaveBytes(deps, request.params.id)
    const name = request.params['*']
    const file = filesOf(row).find((known) => known.name === name)
    if (!file) throw new ApiFault(404, `checkpoint ${row.uuid} has no file ${JSON.stringify(name)}: list its files first`)
    const stream = await deps.bucket.getStream(`${row.prefix}/${file.name}`, { signal: whileConnected(reply, stopping) })
    const base = encodeURIComponent(name.split('/').at(-1) ?? 'file').replaceAll("'", '%27')
    void reply.headers({ 'content-disposition': `attachment; filename*=UTF-8''${base}`, 'content-length': file.size })
    return reply.type('application/octet-stream').send(stream)
  })
}

/** Plain files of the checkpoint by name. Determined lists directories too, with a closing slash. */
function filesOf(row: CheckpointRow): { name: string; size: number }[] {
  return Object.entries(row.resources).filter(([name]) => !name.endsWith('/')).map(([name, size]) => ({ name, size: Number(size) })).sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function mustHaveBytes(deps: ApiDeps, uuid: string): Promise<CheckpointRow> {
  const row = await mustFind(deps, uuid)
  if (row.state !== 'COMPLETED') throw new ApiFault(409, `checkpoint ${uuid} is ${row.state}${row.error ? ` (${row.error})` : ''}: only a COMPLETED one can be downloaded`)
  const storage = row.config?.checkpoint_storage
  if (storage && !isSamePlace(storage, deps.settings.checkpointStorage)) throw new ApiFault(409, `checkpoint ${uuid} lies in storage that its experiment names itself: read it there, at ${urlOf(storage, row.prefix)}`)
  return row
}

/** The tar as it grows. Whoever stops reading stops the download from the bucket. */
async function* archiveOf(deps: ApiDeps, row: CheckpointRow, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const tar = pack()
  const stop = new AbortController()
  const filling = fillTar(deps, row, tar, AbortSignal.any([signal, stop.signal])).catch((error: unknown) => {
    // ends the loop below with this error
    tar.destroy(error instanceof Error ? error : new Error(String(error)))
  })
  try {
    for await (const part of tar) yield part as Uint8Array
  } finally {
    stop.abort()
    tar.destroy()
    await filling
  }
}

async function fillTar(deps: ApiDeps, row: CheckpointRow, tar: Pack, signal: AbortSignal): Promise<void> {
  const mtime = row.report_time ?? row.declared_at
  for (const file of filesOf(row)) {
    signal.throwIfAborted()
    const bytes = await deps.bucket.getStream(`${row.prefix}/${file.name}`, { signal })
    const entry = tar.entry({ name: file.name, size: file.size, mode: 0o644, mtime })
    await whole(bytes, exactly(file), entry as unknown as NodeJS.WritableStream, { signal })
  }
  tar.finalize()
}

/** I4: what is given is what was committed, at least in size. */
function exactly(file: { name: string; size: number }): Transform {
  let seen = 0
  const differs = (): ApiFault => new ApiFault(502, `${file.name} is not as it was committed: somebody changed it in the bucket`)
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length
      if (seen > file.size) return done(differs())
      done(null, chunk)
    },
    flush: (done) => done(seen < file.size ? differs() : null),
  })
}

function whileConnected(reply: FastifyReply, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return AbortSignal.any([gone.signal, stopping])
}

function isGzipAsked(request: FastifyRequest, format: 'tar' | 'tgz' | undefined): boolean {
  if (format) return format === 'tgz'
  const accept = request.headers.accept ?? ''
  if (/application\/(x-)?gzip/.test(accept)) return true
  if (/application\/x-tar|\*\/\*/.test(accept) || accept === '') return false
  throw new ApiFault(406, `accept ${JSON.stringify(accept.slice(0, 100))}: ask for application/x-tar or application/gzip, or add ?format=tar or ?format=tgz`)
}
