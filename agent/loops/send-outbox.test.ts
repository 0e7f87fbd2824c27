import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { realClock } from '../../protocol/kit/clock.ts'
import type { Link } from '../../protocol/link.ts'
import { openJournal, type SqliteJournal } from '../journal/sqlite.ts'
import { silentLog } from './log.fixture.ts'
import { until } from './rig.fixture.ts'
import { startSendOutbox } from './send-outbox.ts'

let dir: string
let journal: SqliteJournal
let stop: AbortController
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drover-outbox-'))
  journal = openJournal(dir, () => undefined)
  stop = new AbortController()
})
afterEach(() => {
  stop.abort()
  journal.close()
  rmSync(dir, { recursive: true })
})

/** A master that applies seq = last + 1 and may lose its replies. */
function master(loses: (request: number) => boolean) {
  const applied: number[] = []
  const sizes: number[] = []
  let requests = 0
  let inFlight = 0
  const request = async (_subject: string, payload: string) => {
    expect((inFlight += 1)).toBe(1)
    sizes.push(payload.length)
    await new Promise((resolve) => setTimeout(resolve, 1))
    const batch = JSON.parse(payload) as { events: { seq: number }[] }
    for (const { seq } of batch.events) if (seq === (applied.at(-1) ?? 0) + 1) applied.push(seq)
    inFlight -= 1
    if (loses((requests += 1))) throw new Error('timeout')
    return { json: () => ({ v: 1, ok: true, store: 's', applied: applied.at(-1) ?? 0 }) }
  }
  return { applied, sizes, link: { request } as unknown as Pick<Link, 'request'> }
}

const begin = (link: Pick<Link, 'request'>) => startSendOutbox({ link, agentId: 'a1', inc: 1, outbox: journal.outbox, clock: realClock, random: () => 0, log: silentLog, signal: stop.signal })
const append = (count: number, text = 'x') => {
  for (let i = 0; i < count; i += 1) journal.outbox.append({ kind: 'note', alloc: 'trial-1.1', t: 1, level: 'INFO', text })
}

test('everything arrives once and in order, also where replies are lost, and is deleted only then', async () => {
  const { applied, link } = master((request) => request % 2 === 1)
  append(30)
  begin(link)
  await until('the first are sent', () => journal.outbox.depth() === 0)
  append(5)
  await until('the rest is sent', () => journal.outbox.depth() === 0)
  expect(applied).toEqual(Array.from({ length: 35 }, (_, i) => i + 1))
})

test('a batch never passes 512 entries or 1 MB', async () => {
  const { applied, sizes, link } = master(() => false)
  append(600)
  append(150, 'y'.repeat(8_000))
  begin(link)
  await until('all is sent', () => journal.outbox.depth() === 0)
  expect(applied).toHaveLength(750)
  expect(Math.max(...sizes)).toBeLessThan(950_000)
  expect(sizes.length).toBeGreaterThanOrEqual(3)
})

test('no reply at all: nothing is deleted', async () => {
  append(3)
  begin({ request: () => Promise.reject(new Error('no responders')) })
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(journal.outbox.depth()).toBe(3)
})
