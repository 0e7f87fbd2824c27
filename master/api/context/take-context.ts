import { ApiFault } from '../errors.ts'
import type { ConfigMistake } from '../../../protocol/words/experiment-config.ts'
import { fromBase64 } from './base64.ts'
import { checkEntries } from './check-entries.ts'
import { readFiles } from './from-files.ts'
import { readTgz } from './from-tgz.ts'
import { packContext } from './pack.ts'

/** The checked model definition as one gzipped tar; null when none was sent. Throws ApiFault 400 that lists each mistake. */
export async function takeContext(body: { modelDefinition?: unknown; contextTgz?: string }): Promise<Uint8Array | null> {
  const isListed = body.modelDefinition !== undefined && !(Array.isArray(body.modelDefinition) && body.modelDefinition.length === 0)
  const isPacked = body.contextTgz !== undefined && body.contextTgz !== ''
  if (isListed && isPacked) refuse([{ path: 'contextTgz', message: 'and modelDefinition are both there: send one of them' }])
  if (!isListed && !isPacked) return null
  const read = isListed ? readFiles(body.modelDefinition) : await readTgz(decode(body.contextTgz ?? ''))
  if (!read.ok) return refuse(read.mistakes)
  const checked = checkEntries(read.entries)
  if (!checked.ok) return refuse(checked.mistakes)
  return checked.entries.length === 0 ? null : packContext(checked.entries)
}

function decode(text: string): Uint8Array {
  return fromBase64(text) ?? refuse([{ path: 'contextTgz', message: 'is no base64: send the gzipped tar in standard base64 with padding' }])
}

function refuse(mistakes: readonly ConfigMistake[]): never {
  const words = mistakes.map((mistake) => `${mistake.path ? `${mistake.path}: ` : ''}${mistake.message}`)
  throw new ApiFault(400, `the model definition was refused: ${words.join('; ')}`, { details: mistakes })
}
