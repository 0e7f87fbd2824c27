import { readdir } from 'node:fs/promises'
import { parseAllocationId } from '../../protocol/words/ids.ts'
import type { SqliteJournal } from './sqlite.ts'

/**
 * After the loss of the journal: whatever left a container or a directory on this host was accepted before, so its
 * epoch is never started again (I3). Each directory below `<stateDir>/allocations` is one allocation.
 */
export async function recoverEpochs(journal: Pick<SqliteJournal, 'raiseEpoch' | 'recovered'>, stateDir: string, containerAllocs: readonly string[]): Promise<void> {
  for (const alloc of [...containerAllocs, ...(await directoriesOf(`${stateDir}/allocations`))]) {
    const id = parseAllocationId(alloc)
    if (id !== null) journal.raiseEpoch(id.task, id.epoch)
  }
  journal.recovered()
}

async function directoriesOf(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
