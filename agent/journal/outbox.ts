import type { DatabaseSync } from 'node:sqlite'
import type { AgentEvent, NewAgentEvent } from '../../protocol/wire/events.ts'
import type { Outbox } from './door.ts'

/** A batch of the sender must hold at least one entry: 900 kB of JSON with its envelope. */
const ENTRY_BYTES_MAX = 880_000

export interface SqliteOutbox extends Outbox {
  /** Inserts without telling anybody: for a transaction that is still open. */
  insert(event: NewAgentEvent): number
  announce(): void
}

/** Throws RangeError for an entry that could never be sent. */
export function createOutbox(db: DatabaseSync): SqliteOutbox {
  const listeners: (() => void)[] = []
  const add = db.prepare('INSERT INTO outbox (body) VALUES (?)')
  const after = db.prepare('SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?')
  const acknowledge = db.prepare('DELETE FROM outbox WHERE seq <= ?')
  const depth = db.prepare('SELECT count(*) AS n FROM outbox')
  const insert = (event: NewAgentEvent): number => {
    const body = JSON.stringify(event)
    const bytes = Buffer.byteLength(body)
    if (bytes > ENTRY_BYTES_MAX) throw new RangeError(`event ${event.kind} ${'alloc' in event ? `of ${event.alloc} ` : ''}has ${bytes} bytes, more than ${ENTRY_BYTES_MAX}: it must be split or cut by its maker`)
    return Number(add.run(body).lastInsertRowid)
  }
  const announce = (): void => {
    for (const listener of listeners) listener()
  }
  return {
    insert,
    announce,
    append: (event) => {
      const seq = insert(event)
      announce()
      return seq
    },
    after: (seq, limit) => after.all(seq, limit).map((row) => ({ ...(JSON.parse(String(row['body'])) as NewAgentEvent), seq: Number(row['seq']) }) as AgentEvent),
    acknowledge: (seq) => void acknowledge.run(seq),
    depth: () => Number(depth.get()?.['n'] ?? 0),
    onAppend: (listener) => void listeners.push(listener),
  }
}
