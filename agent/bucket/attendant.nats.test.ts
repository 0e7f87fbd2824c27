import { spawn, type ChildProcess } from 'node:child_process'
import { appendFile, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createUser } from '@nats-io/nkeys'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkpointPrefix } from '../../protocol/bucket/layout.ts'
import { openBucket } from '../../protocol/bucket/open.ts'
import { verifyCheckpoint } from '../../protocol/bucket/verify.ts'
import { realClock } from '../../protocol/kit/clock.ts'
import { createLog } from '../../protocol/kit/log.ts'
import { openLink, type Link } from '../../protocol/link.ts'
import type { LogBatch } from '../../protocol/wire/logs.ts'
import { logSubject } from '../../protocol/wire/subjects.ts'
import { openJournal } from '../journal/sqlite.ts'
import type { Attendant, RunningContainer } from '../steps/attendant.ts'
import { createAttendant } from './attendant.ts'
import { freshPaths, specOf } from './test-spec.ts'

const binary = process.env['DROVER_TEST_NATS_SERVER'] ?? ''
if (binary === '') console.warn('attendant.nats.test.ts skipped: DROVER_TEST_NATS_SERVER is not set')
const log = createLog({ name: 'test', level: 'error' })
const quiet = { ...log, warn: () => undefined, child: () => ({ ...log, warn: () => undefined }) }
const signal = new AbortController().signal
const record = (text: string): string => `${JSON.stringify({ log: `${text}\n`, stream: 'stdout', time: '2026-11-23T21:20:07.123456789Z' })}\n`

describe.skipIf(binary === '')('the attendant of one allocation, from attach to drain', () => {
  let server: ChildProcess
  let links: Link[]
  let directory: string
  const lines: string[] = []
  beforeAll(async () => {
    const port = await freePort()
    server = spawn(binary, ['-a', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
    const link = (name: string): Promise<Link> => openLink({ urls: [`nats://127.0.0.1:${port}`], name, inboxPrefix: `_INBOX_${name}`, credentials: () => ({ jwt: 'none', seed: new TextDecoder().decode(createUser().getSeed()) }), log })
    links = await Promise.all([link('agent'), link('master')])
    directory = await mkdtemp(join(tmpdir(), 'drover-attendant-'))
    let cursor = 0
    links[1]?.subscribe(logSubject('a1', 'trial-7.2'), { callback: (_error, message) => {
      const batch = message.json() as LogBatch
      if (batch.from === cursor && batch.lines.length > 0) {
        lines.push(...batch.lines.map((line) => line.text))
        cursor = batch.to
      }
      message.respond(JSON.stringify({ v: 1, ok: true, cursor }))
    } })
  })
  afterAll(async () => {
    await Promise.all(links.map((link) => link.close()))
    server.kill()
    await rm(directory, { recursive: true })
  })

  test('the agent is killed between, and everything arrives once; the next allocation restores it', { timeout: 30_000 }, async () => {
    const storage = { type: 'directory' as const, path: join(directory, 'bucket') }
    const spec = specOf({ storage })
    const paths = await freshPaths()
    const journal = openJournal(join(directory, 'journal'), (error) => { throw error })
    const life = (): Attendant => {
      const [link] = links
      if (!link) throw new Error('no link')
      return createAttendant({ journal, link, agentId: 'a1', clusterId: 'c1', masterUrl: 'https://127.0.0.1:1', ca: '', log: quiet, clock: realClock, random: Math.random })
    }
    // a process that has gone: the gateway gives up and says so, the rest goes on
    const container: RunningContainer = { spec, paths, containerId: 'cid', place: { at: 'namespace', pid: 4_194_304, listening: null }, logPath: join(directory, 'container.log') }
    const { place: _place, ...exited } = container

    const first = life()
    first.attach(container)
    first.attach(container)
    await writeFile(container.logPath, record('one'))
    await appendFile(paths.metricsFile, '{"steps":1,"values":{"loss":1}}\n')
    await mkdir(join(paths.checkpoints, 'tmp'))
    await writeFile(join(paths.checkpoints, 'tmp', 'weights'), 'w'.repeat(100_000))
    await rename(join(paths.checkpoints, 'tmp'), join(paths.checkpoints, 'step-1'))
    await new Promise((resolve) => setTimeout(resolve, 100))
    await first.close()

    const second = life()
    second.attach(container)
    first.preempt('trial-7.2')
    second.preempt('trial-7.2')
    second.preempt('trial-7.2')
    expect((await stat(paths.preemptFile)).isFile()).toBe(true)
    await appendFile(container.logPath, record('two'))
    await appendFile(paths.metricsFile, '{"steps":2,"values":{"loss":0.5}}')
    await mkdir(join(paths.checkpoints, 'tmp'))
    await writeFile(join(paths.checkpoints, 'tmp', 'weights'), 'v'.repeat(100_000))
    await rename(join(paths.checkpoints, 'tmp'), join(paths.checkpoints, 'step-2'))
    await Promise.all([second.drain(exited, signal), second.drain(exited, signal)])
    await second.detach('trial-7.2')

    expect(lines).toEqual(['one', 'two'])
    const events = journal.outbox.after(0, 100)
    expect(events.flatMap((event) => (event.kind === 'metrics' ? event.reports.map((report) => report.steps) : []))).toEqual([1, 2])
    const uploads = events.filter((event) => event.kind === 'checkpoint-uploaded')
    expect(uploads.map((event) => event.steps)).toEqual([1, 2])
    const bucket = openBucket(storage, { log, clock: realClock, random: Math.random })
    for (const event of uploads) expect(await verifyCheckpoint(bucket, checkpointPrefix(spec.root, 2, event.ordinal, event.uuid), event.manifest, signal)).toMatchObject({ ok: true, bytes: 100_000 })

    const last = uploads[1]
    if (!last) throw new Error('no second checkpoint')
    const next = await freshPaths()
    const restored = specOf({ alloc: 'trial-7.3', storage, restore: { uuid: last.uuid, prefix: checkpointPrefix(spec.root, 2, last.ordinal, last.uuid), steps: 2, ordinal: last.ordinal, manifest: last.manifest } })
    expect(await second.restore(restored, next, signal)).toEqual({ ok: true, bytes: 100_000 })
    expect(await readFile(join(next.restored, 'weights'), 'utf8')).toBe('v'.repeat(100_000))
    await second.close()
    journal.close()
    await rm(paths.root, { recursive: true })
    await rm(next.root, { recursive: true })
  })

  test('a drain that is stopped rejects with the reason', async () => {
    const paths = await freshPaths()
    const journal = openJournal(join(directory, 'journal-2'), (error) => { throw error })
    const [link] = links
    if (!link) throw new Error('no link')
    const attendant = createAttendant({ journal, link, agentId: 'a1', clusterId: 'c1', masterUrl: 'https://127.0.0.1:1', ca: '', log: quiet, clock: realClock, random: Math.random })
    await writeFile(join(directory, 'unheard.log'), record('nobody hears this'))
    const drain = attendant.drain({ spec: specOf({ alloc: 'trial-8.1' }), paths, containerId: 'c', logPath: join(directory, 'unheard.log') }, AbortSignal.timeout(300))
    await expect(drain).rejects.toThrow('timeout')
    await attendant.close()
    journal.close()
    await rm(paths.root, { recursive: true })
  })
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}
