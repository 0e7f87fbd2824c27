import type { SearcherConfig } from '../../protocol/words/search-config.ts'
import { ExperimentRefused } from './refused.ts'
import type { Db } from './db.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The committed checkpoint that the trials of a configuration start from: named, or the newest of a named trial. Null = none. */
export async function sourceCheckpoint(db: Db, { source_checkpoint_uuid: uuid = null, source_trial_id: trial = null }: SearcherConfig): Promise<string | null> {
  if (uuid === null && trial === null) return null
  const committed = db.selectFrom('checkpoints').select('uuid').where('state', '=', 'COMPLETED').where('manifest_digest', 'is not', null)
  const found = uuid !== null
    ? UUID.test(uuid) ? await committed.where('uuid', '=', uuid.toLowerCase()).executeTakeFirst() : undefined
    : await committed.where('trial_id', '=', trial ?? 0).orderBy('steps', 'desc').orderBy('epoch', 'desc').orderBy('ordinal', 'desc').limit(1).executeTakeFirst()
  if (found) return found.uuid
  if (uuid !== null) throw new ExperimentRefused('searcher.source_checkpoint_uuid', `searcher.source_checkpoint_uuid is ${JSON.stringify(uuid)}, which is no committed checkpoint of this cluster: name one that is COMPLETED, or leave it out`)
  throw new ExperimentRefused('searcher.source_trial_id', `searcher.source_trial_id is ${trial}, which has no committed checkpoint: name a trial that has one, or leave it out`)
}
