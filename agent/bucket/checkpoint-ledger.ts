import { join } from 'node:path'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { readWhole, saveWhole } from '../../protocol/kit/whole-file.ts'

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
    put: (entry) => saveWhole(place(entry.uuid), JSON.stringify(entry)),
    async get(uuid) {
      const stored = await readWhole(place(uuid))
      if (stored === null) return null
      try {
        const value: unknown = JSON.parse(stored.toString('utf8'))
        return entryCheck.Check(value) ? value : null
      } catch (error) {
        if (error instanceof SyntaxError) return null
        throw error
      }
    },
  }
}
