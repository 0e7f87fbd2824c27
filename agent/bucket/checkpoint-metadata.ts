import type { FileHandle } from 'node:fs/promises'
import { openRegularBeneath } from './beneath.ts'
import type { CheckpointFile } from './checkpoint-files.ts'
import { isRecord, parseLenientJson } from '../gateway/lenient-json.ts'

export const METADATA_FILE = 'metadata.json'
/** It travels in an event and stands in the database. */
const METADATA_BYTES_MAX = 256 * 1024

/** The object in `metadata.json`; `{}` without one. `problem` says why a file that is there was not taken. */
export async function readMetadata(root: FileHandle, files: readonly CheckpointFile[]): Promise<{ metadata: Record<string, unknown>; problem: string | null }> {
  const found = files.find((file) => file.name === METADATA_FILE)
  if (!found) return { metadata: {}, problem: null }
  if (found.size > METADATA_BYTES_MAX) return { metadata: {}, problem: `it has ${found.size} bytes, at most ${METADATA_BYTES_MAX} are taken` }
  const file = await openRegularBeneath(root, METADATA_FILE)
  try {
    const value = parseLenientJson(await file.readFile('utf8'))
    return isRecord(value) ? { metadata: value, problem: null } : { metadata: {}, problem: 'it must hold a JSON object' }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return { metadata: {}, problem: `it is not JSON: ${error.message.slice(0, 200)}` }
  } finally {
    await file.close()
  }
}
