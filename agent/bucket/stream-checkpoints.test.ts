import { appendFile, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BucketError, type Bucket } from '../../protocol/bucket/door.ts'
import { checkpointPrefix } from '../../protocol/bucket/layout.ts'
import { openBucket } from '../../protocol/bucket/open.ts'
import { verifyCheckpoint } from '../../protocol/bucket/verify.ts'
import { realClock } from '../../protocol/kit/clock.ts'
import { createLog } from '../../protocol/kit/log.ts'
import type { AgentEvent } from '../../protocol/wire/events.ts'
import { openJournal } from '../journal/sqlite.ts'
import type { AllocationPaths } from '../steps/attendant.ts'
import { restoreCheckpoint } from './restore-checkpoint.ts'
import { streamCheckpoints, type CheckpointStream } from './stream-checkpoints.ts'
import { freshPaths, specOf } from './test-spec.ts'

const log = createLog({ name: 'test', level: 'error' })
const quiet = { ...log, warn: () => undefined, child: () => log }
const signal = new AbortController().signal
let paths: AllocationPaths
let place: string
let bucket: Bucket
let journal: ReturnType<typeof openJournal>
let stop: AbortController
let stream: CheckpointStream | null
beforeEach(async () => {
  paths = await freshPaths()
  place = await mkdtemp(join(tmpdir(), 'drover-stream-'))
  bucket = openBucket({ type: 'directory', path: place }, { log, clock: realClock, random: Math.random })
  journal = openJournal(join(paths.root, 'journal'), (error) => { throw error })
  stop = new AbortController()
  stream = null
})
afterEach(async () => {
  await kill()
  journal.close()
  await rm(paths.root, { recursive: true, force: true })
  await rm(place, { recursive: true, force: true })
})

function begin(through: Bucket = bucket, spec = specOf()): CheckpointStream {
  stop = new AbortController()
  stream = streamCheckpoints({ journal, bucket: through, spec, paths, signal: stop.signal, clock: realClock, random: () => 0.01, log: quiet })
  return stream
}

/** As kill -9: what is in the journal and on disk stays. */
async function kill(): Promise<void> {
  stop.abort(new Error('killed'))
  await stream?.ended
  stream = null
}

async function save(steps: number, files: Record<string, string> = { 'weights.bin': `weights ${steps}`, 'sub/state.json': '{}' }): Promise<void> {
  const draft = join(paths.checkpoints, `draft-${steps}`)
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(draft, name, '..'), { recursive: true })
    await writeFile(join(draft, name), text)
  }
  await mkdir(draft, { recursive: true })
  await rename(draft, join(paths.checkpoints, `step-${steps}`))
}

const events = (): AgentEvent[] => journal.outbox.after(0, 1_000)
const kinds = (): string[] => events().map((event) => event.kind)
function uploads(): Extract<AgentEvent, { kind: 'checkpoint-uploaded' }>[] {
  return events().filter((event) => event.kind === 'checkpoint-uploaded')
}
async function verifyAll(): Promise<void> {
  for (const event of uploads()) expect(await verifyCheckpoint(bucket, checkpointPrefix(specOf().root, 2, event.ordinal, event.uuid), event.manifest, signal)).toMatchObject({ ok: true, bytes: event.bytes })
}

test('a renamed directory is declared, uploaded with its manifest last, and verifies', async () => {
  const running = begin()
  await save(10, { 'weights.bin': 'w', 'deep/er/file': 'f', 'metadata.json': '{"epoch": 1, "loss": NaN}' })
  await running.finish()
  expect(kinds()).toEqual(['checkpoint-declared', 'checkpoint-uploaded'])
  expect(uploads()[0]).toMatchObject({ steps: 10, ordinal: 1, files: 3, bytes: 27, metadata: { epoch: 1, loss: 'NaN' } })
  expect(journal.checkpoints('trial-7.2')).toMatchObject([{ state: 'uploaded', directory: 'step-10' }])
  await verifyAll()
})

test('checkpoints go up in order, each names the one before, and the last two stay on the host', async () => {
  const running = begin()
  for (const steps of [1, 2, 3, 4]) {
    await save(steps)
    while (uploads().length < steps) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await running.finish()
  expect(uploads().map((event) => [event.ordinal, event.steps])).toEqual([[1, 1], [2, 2], [3, 3], [4, 4]])
  const parents = await Promise.all(uploads().map(async (event) => JSON.parse(await readFile(join(place, checkpointPrefix(specOf().root, 2, event.ordinal, event.uuid), 'manifest.json'), 'utf8')) as { parent: string | null }))
  expect(parents.map((manifest) => manifest.parent)).toEqual([null, ...uploads().slice(0, 3).map((event) => event.uuid)])
  expect((await readdir(paths.checkpoints)).toSorted()).toEqual(['step-3', 'step-4'])
  await verifyAll()
})

test('a checkpoint declared a moment before the end is caught by the last look', async () => {
  const running = begin()
  await running.finish()
  const late = save(99)
  await late
  await kill()
  await begin().finish()
  expect(uploads()).toMatchObject([{ steps: 99 }])
})

test('killed at every point and taken up again: each checkpoint is declared once and uploaded once', { timeout: 60_000 }, async () => {
  for (let steps = 1; steps <= 12; steps += 1) await save(steps, Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`f${i}`, `${steps} ${i}`])))
  for (let life = 0; life < 40; life += 1) {
    let calls = 0
    const dying: Bucket = { ...bucket, putFile: async (...args) => { if ((calls += 1) > life % 9) stop.abort(new Error('killed')); return bucket.putFile(...args) } }
    begin(dying)
    await Promise.race([stream?.ended, new Promise((resolve) => setTimeout(resolve, 30 + life))])
    await kill()
  }
  await begin().finish()
  const declared = events().filter((event) => event.kind === 'checkpoint-declared')
  expect(declared.map((event) => event.steps)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1))
  expect(uploads().map((event) => event.uuid)).toEqual(declared.map((event) => event.uuid))
  expect(kinds()).not.toContain('checkpoint-failed')
  await verifyAll()
})

test('a manifest whose event was lost by a kill is recognised: nothing is written twice', async () => {
  await save(5)
  let puts = 0
  const counting: Bucket = { ...bucket, putFile: (...args) => { puts += 1; return bucket.putFile(...args) }, putBytes: async (key, body, options) => {
    await bucket.putBytes(key, body, options)
    stop.abort(new Error('killed'))
    throw new BucketError('transient', 'reply lost')
  } }
  begin(counting)
  await stream?.ended
  expect(kinds()).toEqual(['checkpoint-declared'])
  await begin({ ...bucket, putFile: (...args) => { puts += 1; return bucket.putFile(...args) } }).finish()
  expect(puts).toBe(2)
  expect(kinds()).toEqual(['checkpoint-declared', 'checkpoint-uploaded'])
  await verifyAll()
})

test('transient errors are tried again, files already sent are not', async () => {
  await save(5, { a: '1', b: '2', c: '3' })
  const puts: string[] = []
  let manifests = 0
  const faulty: Bucket = { ...bucket,
    putFile: (key, ...rest) => { puts.push(key.at(-1) ?? ''); return bucket.putFile(key, ...rest) },
    putBytes: (...args) => ((manifests += 1) < 4 ? Promise.reject(new BucketError(manifests === 2 ? 'throttled' : 'transient', 'no')) : bucket.putBytes(...args)),
  }
  await begin(faulty).finish()
  expect(puts.toSorted()).toEqual(['a', 'b', 'c'])
  expect(manifests).toBe(4)
  await verifyAll()
})

test.each([
  ['a refusal of the store', async () => save(5), { kind: 'denied' as const, text: 'no entry' }],
  ['a symbolic link', async () => { await mkdir(join(paths.checkpoints, 'd')); await symlink('/etc/passwd', join(paths.checkpoints, 'd', 'link')); await rename(join(paths.checkpoints, 'd'), join(paths.checkpoints, 'step-5')) }, { kind: null, text: 'link is a symbolic link' }],
  ['a pipe', async () => { await save(4, {}); execFileSync('mkfifo', [join(paths.checkpoints, 'step-4', 'pipe')]); await rename(join(paths.checkpoints, 'step-4'), join(paths.checkpoints, 'step-5')) }, { kind: null, text: 'pipe is not a regular file' }],
  ['a file named as the manifest', async () => save(5, { 'manifest.json': '{}' }), { kind: null, text: 'manifest.json' }],
])('%s fails the checkpoint with a clear error and stops nothing', async (_, make, { kind, text }) => {
  await make()
  const failing: Bucket = kind === null ? bucket : { ...bucket, putFile: (...args) => (args[0].includes('/e2-1/') ? Promise.reject(new BucketError(kind, text)) : bucket.putFile(...args)) }
  const running = begin(failing)
  while (!kinds().includes('checkpoint-failed')) await new Promise((resolve) => setTimeout(resolve, 5))
  await save(6)
  await running.finish()
  expect(events().find((event) => event.kind === 'checkpoint-failed')).toMatchObject({ error: expect.stringContaining(text) })
  expect(events().find((event) => event.kind === 'note')).toMatchObject({ level: 'ERROR', text: expect.stringContaining('step-5 could not be saved') })
  expect(uploads()).toMatchObject([{ steps: 6, ordinal: 2 }])
  await verifyAll()
})

test('a directory of a name that was there before is a new checkpoint, a restart makes none', async () => {
  let running = begin()
  await save(5, { a: 'first' })
  while (uploads().length < 1) await new Promise((resolve) => setTimeout(resolve, 5))
  await kill()
  running = begin()
  await running.finish()
  expect(uploads()).toHaveLength(1)
  await kill()
  await rm(join(paths.checkpoints, 'step-5'), { recursive: true })
  await save(5, { a: 'second' })
  await begin().finish()
  expect(uploads()).toMatchObject([{ steps: 5, ordinal: 1 }, { steps: 5, ordinal: 2 }])
  expect(await readFile(join(place, checkpointPrefix(specOf().root, 2, 2, uploads()[1]?.uuid ?? ''), 'a'), 'utf8')).toBe('second')
  await verifyAll()
})

test('a directory removed before its upload fails it, and says so', async () => {
  await save(5)
  const gate = Promise.withResolvers<void>()
  const slow: Bucket = { ...bucket, putFile: async (...args) => { await gate.promise; return bucket.putFile(...args) } }
  const running = begin(slow)
  while (kinds().length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await save(6)
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  await rm(join(paths.checkpoints, 'step-6'), { recursive: true })
  gate.resolve()
  await running.finish()
  expect(events().filter((event) => event.kind === 'checkpoint-failed')).toMatchObject([{ error: expect.stringContaining('step-6 is gone') }])
  expect(uploads()).toMatchObject([{ steps: 5 }])
})

test('bad metadata is left out with a note, the checkpoint stands', async () => {
  await save(5, { 'metadata.json': '[1]', a: '1' })
  await begin().finish()
  expect(uploads()).toMatchObject([{ metadata: {}, files: 2 }])
  expect(events().find((event) => event.kind === 'note')).toMatchObject({ text: expect.stringContaining('must hold a JSON object') })
})

test('the checkpoint directory turned into a link shows nothing of the host', async () => {
  await save(5)
  const elsewhere = await mkdtemp(join(tmpdir(), 'drover-elsewhere-'))
  await mkdir(join(elsewhere, 'step-9'))
  await writeFile(join(elsewhere, 'step-9', 'secret'), 'host')
  await rename(paths.checkpoints, `${paths.checkpoints}-old`)
  await symlink(elsewhere, paths.checkpoints)
  await begin().finish()
  expect(events()).toEqual([])
  await rm(elsewhere, { recursive: true })
})

test('restore brings the same bytes and modes, and finds what is wrong', async () => {
  const body = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251))
  await save(5, { 'sub/dir/small': 'small', empty: '' })
  await kill()
  await writeFile(join(paths.checkpoints, 'step-5', 'run.sh'), body, { mode: 0o750 })
  await begin().finish()
  const event = uploads()[0]
  if (!event) throw new Error('nothing was uploaded')
  const prefix = checkpointPrefix(specOf().root, 2, event.ordinal, event.uuid)
  const spec = specOf({ restore: { uuid: event.uuid, prefix, steps: 5, ordinal: 1, manifest: event.manifest } })
  const restore = (through: Bucket, until: AbortSignal = signal): ReturnType<typeof restoreCheckpoint> => restoreCheckpoint({ bucket: through, journal, spec, paths, signal: until, clock: realClock, random: () => 0.01 })

  let down = 3
  const late: Bucket = { ...bucket, getBytes: (...args) => ((down -= 1) >= 0 ? Promise.reject(new BucketError('transient', 'down')) : bucket.getBytes(...args)) }
  expect(await restore(late)).toEqual({ ok: true, bytes: 3_000_005 })
  expect((await readFile(join(paths.restored, 'run.sh'))).equals(body)).toBe(true)
  expect(await readFile(join(paths.restored, 'sub/dir/small'), 'utf8')).toBe('small')
  expect(execFileSync('stat', ['-c', '%a', join(paths.restored, 'run.sh')]).toString().trim()).toBe('750')
  expect(await restore({ ...bucket, getBytes: () => Promise.reject(new Error('asked again')) })).toEqual({ ok: true, bytes: 3_000_005 })

  await rm(paths.restored, { recursive: true })
  await appendFile(join(place, prefix, 'run.sh'), 'x')
  expect(await restore(bucket)).toMatchObject({ ok: false, transient: false, error: expect.stringContaining('run.sh has 3000001 bytes') })
  await writeFile(join(place, prefix, 'run.sh'), Buffer.from(body).fill(1, 77, 78))
  expect(await restore(bucket)).toMatchObject({ ok: false, transient: false, error: expect.stringContaining('SHA-256') })
  await rm(join(place, prefix, 'run.sh'))
  expect(await restore(bucket)).toMatchObject({ ok: false, transient: false })
  await rm(join(place, prefix, 'manifest.json'))
  expect(await restore(bucket)).toMatchObject({ ok: false, transient: false, error: expect.stringContaining('manifest.json') })
  expect(await readdir(paths.run)).not.toContain('restored')
  const down2: Bucket = { ...bucket, getBytes: () => Promise.reject(new BucketError('transient', 'down')) }
  expect(await restore(down2, AbortSignal.timeout(300))).toMatchObject({ ok: false, transient: true })
})
