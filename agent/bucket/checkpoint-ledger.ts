import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { hasCode } from './beneath.ts'

/**
 * What the journal's row of a checkpoint does not say, in `<allocation>/checkpoints-ledger/<uuid>.json`, outside of what
 * the container sees: which directory was declared (a name may come again) and when.
 */
const Entry = Type.Object({ uuid: Type.String(), identity: Type.String(), createdAt: Type.String() })
export type LedgerEntry = Type.Static<typeof Entry>
const entryCheck = Compile(Entry)

export interface Ledger {
  put(entry: LedgerEntry): Promise<void>
  /** Null where it is lost; the caller falls back to the directory's name. */
  get(uuid: string): Promise<LedgerEntry | null>
}

export function openLedger(root: string): Ledger {
  const directory = join(root, 'checkpoints-ledger')
  const place = (uuid: string): string => join(directory, `${uuid}.json`)
  return {
    async put(entry) {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const file = await open(`${place(entry.uuid)}.new`, 'w', 0o600)
      try {
        await file.writeFile(JSON.stringify(entry))
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(`${place(entry.uuid)}.new`, place(entry.uuid))
    },
    async get(uuid) {
      try {
        const value: unknown = JSON.parse(await readFile(place(uuid), 'utf8'))
        return entryCheck.Check(value) ? value : null
      } catch (error) {
        if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return null
        throw error
      }
    },
  }
}
