import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { JournalCheckpoint } from '../journal/door.ts'
import { HttpError, answerJson, readBody } from './answer.ts'
import { commitAll, objectOf, record, requireKnown, shown, type Call, type RouteOptions } from './call.ts'
import { isRecord } from './lenient-json.ts'

const REPORT_BYTES_MAX = 4 * 1024 * 1024
/** It travels in an event and stands in the database. */
const METADATA_BYTES_MAX = 256 * 1024
/** A manifest of more would outgrow what the master reads. */
const FILES_MAX = 20_000
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * POST /checkpoints: the harness says that the directory `<uuid>` is written, or that the user's own storage has it.
 * Answered once row and event are on disk; the bytes follow, and the master calls it COMPLETED when it has verified them.
 * A report that comes again is answered as the first was.
 */
export async function reportCheckpoint(options: RouteOptions, call: Call): Promise<void> {
  const body = objectOf(await readBody(call.request, REPORT_BYTES_MAX))
  const { spec, journal } = options
  requireKnown('allocationId', body['allocationId'] ?? body['allocation_id'], spec.alloc)
  const { uuid } = body
  if (typeof uuid !== 'string' || !UUID.test(uuid)) throw new HttpError(400, `uuid must be a UUID in lower case, not ${shown(uuid)}`)
  const metadata = metadataOf(body['metadata'])
  const resources = resourcesOf(body['resources'])
  const steps = Number(metadata['steps_completed'] ?? 0)
  if (!Number.isSafeInteger(steps) || steps < 0 || steps > 2_147_483_647) throw new HttpError(400, `metadata.steps_completed must be a whole number of at least 0, not ${shown(metadata['steps_completed'])}`)
  if (!journal.checkpoints(spec.alloc).some((row) => row.uuid === uuid)) await declare(options, { uuid, steps, metadata, resources })
  answerJson(call.response, 200, {})
}

async function declare(options: RouteOptions, report: { uuid: string; steps: number; metadata: Record<string, unknown>; resources: Record<string, number> }): Promise<void> {
  const { spec, journal, clock } = options
  const { uuid, steps, metadata, resources } = report
  const own = spec.harness?.storage === 'own'
  if (!own && !(await isDirectory(join(options.storage, uuid)))) throw new HttpError(400, `there is no directory ${uuid} in the checkpoint storage of this container: report a checkpoint when its files are written`)
  const gang = spec.worldSize > 1
  const [alloc, t] = [spec.alloc, clock.wallMs()]
  const ordinal = Math.max(0, ...journal.checkpoints(alloc).map((row) => row.ordinal)) + 1
  const row: JournalCheckpoint = { alloc, uuid, ordinal, steps, directory: uuid, state: own ? 'uploaded' : 'declared', reported: { metadata, resources, createdAt: new Date(t).toISOString(), part: !own && gang } }
  commitAll(options, (tx) => {
    tx.putCheckpoint(row)
    tx.append({ kind: 'checkpoint-declared', alloc, t, uuid, ordinal, steps, reported: { how: own ? 'own' : gang ? 'gang' : 'alone', metadata, resources } })
  })
  options.onReported()
}

/** What this container has reported is known here at once; the master, which may not have heard of it, is asked for the rest. */
export function findCheckpoint(options: RouteOptions, call: Call): false | void {
  const { spec, journal } = options
  const row = journal.checkpoints(spec.alloc).find((one) => one.uuid === call.ids[0])
  if (row?.reported === undefined || row.reported.resources === undefined || (row.state === 'uploaded' && spec.harness?.storage !== 'own')) return false
  const resources = Object.fromEntries(Object.entries(row.reported.resources).map(([name, size]) => [name, String(size)]))
  const state = row.state === 'failed' ? 'STATE_ERROR' : row.state === 'uploaded' ? 'STATE_COMPLETED' : 'STATE_ACTIVE'
  answerJson(call.response, 200, {
    checkpoint: {
      uuid: row.uuid, taskId: spec.alloc.replace(/\.\d+$/, ''), allocationId: spec.alloc, reportTime: row.reported.createdAt, state, resources, metadata: row.reported.metadata,
      training: { trialId: spec.trialId, experimentId: spec.experimentId, experimentConfig: spec.harness?.config ?? {}, hparams: spec.hparams, trainingMetrics: { avgMetrics: {}, batchMetrics: [] }, validationMetrics: { avgMetrics: {}, batchMetrics: [] }, searcherMetric: null },
    },
  })
}

function metadataOf(value: unknown): Record<string, unknown> {
  const metadata = record(value ?? {}, 'metadata')
  const bytes = Buffer.byteLength(JSON.stringify(metadata))
  if (bytes > METADATA_BYTES_MAX) throw new HttpError(413, `metadata has ${bytes} bytes, at most ${METADATA_BYTES_MAX} are taken; put more into a file of the checkpoint`)
  return metadata
}

/** Files and their sizes; directories, which Determined lists with a slash at the end, need no word. */
function resourcesOf(value: unknown): Record<string, number> {
  const entries = Object.entries(record(value ?? {}, 'resources')).filter(([name]) => !name.endsWith('/'))
  if (entries.length > FILES_MAX) throw new HttpError(413, `resources names ${entries.length} files, at most ${FILES_MAX} are taken; pack them into fewer`)
  return Object.fromEntries(entries.map(([name, text]) => {
    const size = Number(text)
    if (!Number.isSafeInteger(size) || size < 0) throw new HttpError(400, `resources[${shown(name)}] must be a size in bytes, not ${shown(text)}`)
    return [name, size]
  }))
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory()
  } catch (error) {
    if (isRecord(error) || error instanceof Error) return false
    throw error
  }
}
