import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, onlyTrial, stateOf, submit } from '../rig/client.ts'
import { until } from '../rig/processes.ts'
import { missingParts, startStack, type Stack } from '../rig/stack.ts'
import { expectedWeights } from './training/expected-weights.ts'

const missing = missingParts()
if (missing) process.stderr.write(`flow tests skipped: ${missing}\n`)

const SCRIPT = readFileSync(join(import.meta.dirname, 'training/train.py'))
const IMAGE = process.env['DROVER_TEST_IMAGE'] ?? ''
let stack: Stack

export function training(hyperparameters: Record<string, unknown>, extra: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: 'flow', entrypoint: 'python3 train.py', environment: { image: IMAGE }, hyperparameters,
    searcher: { name: 'single', metric: 'validation_loss' }, max_restarts: 2, ...extra,
  }
}

const files = { 'train.py': SCRIPT }
const run = (hyperparameters: Record<string, unknown>, extra: Record<string, unknown> = {}): Promise<number> => submit(stack.client, training(hyperparameters, extra), files)

const trainingLines = (lines: string[]): number[] => lines.flatMap((line) => /^line (\d+) of attempt/.exec(line)?.[1] ?? []).map(Number)
const container = (experiment: number): string => stack.docker('ps', '-q', '--no-trunc', '--filter', `label=drover.experiment=${experiment}`)

async function reached(experiment: number, line: number): Promise<void> {
  await until(`experiment ${experiment} prints line ${line}`, 60_000, async () => trainingLines(await logLines(stack.client, experiment)).includes(line))
}

interface Checkpoint { uuid: string; state: string; metadata: { steps_completed: number }; resources: Record<string, string> }
const checkpointsOf = async (experiment: number): Promise<Checkpoint[]> =>
  (await stack.client.get<{ checkpoints: Checkpoint[] }>(`/api/v1/experiments/${experiment}/checkpoints`)).checkpoints.toSorted((a, b) => a.metadata.steps_completed - b.metadata.steps_completed)

describe.skipIf(missing !== null)('the walk', () => {
  beforeAll(async () => {
    stack = await startStack()
  }, 90_000)
  afterAll(async () => {
    await stack?.stop()
  }, 60_000)

  test('one experiment from submit to committed checkpoints', async () => {
    const id = await run({ steps: 10, every: 5, pause: 0.05 })
    await ends(stack.client, id, 'COMPLETED')
    const lines = await logLines(stack.client, id)
    expect(trainingLines(lines)).toEqual(Array.from({ length: 10 }, (_, index) => index + 1))
    expect(lines).toContain(`weights ${expectedWeights(10)}`)
    const checkpoints = await checkpointsOf(id)
    expect(checkpoints.map((c) => [c.state, c.metadata.steps_completed])).toEqual([['STATE_COMPLETED', 5], ['STATE_COMPLETED', 10]])
    await layoutStands(id, checkpoints)
    expect((await onlyTrial(stack.client, id)).restarts).toBe(0)
    const asked = await stack.client.post<{ data: unknown }>('/graphql', { query: `{experiment(id: ${id}) {state checkpoints(first: 10) {totalCount}}}` })
    expect(asked.data).toEqual({ experiment: { state: 'COMPLETED', checkpoints: { totalCount: 2 } } })
  }, 120_000)

  test('the agent is killed in mid-training: same container, no line lost or doubled, no restart counted', async () => {
    const id = await run({ steps: 120, every: 20, pause: 0.1 })
    await reached(id, 8)
    const before = container(id)
    await stack.agent.kill('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await stack.agent.start()
    await until('the agent works again', 30_000, async () => trainingLines(await logLines(stack.client, id)).length > 30)
    expect(container(id)).toBe(before)
    await ends(stack.client, id, 'COMPLETED')
    expect(trainingLines(await logLines(stack.client, id))).toEqual(Array.from({ length: 120 }, (_, index) => index + 1))
    expect((await onlyTrial(stack.client, id)).restarts).toBe(0)
    expect(await logLines(stack.client, id)).toContain(`weights ${expectedWeights(120)}`)
  }, 180_000)

  test('the container is killed: resumed from the newest committed checkpoint, weights bit for bit', async () => {
    const id = await run({ steps: 30, every: 5, pause: 0.15 })
    await until('a checkpoint is committed', 60_000, async () => (await checkpointsOf(id)).some((c) => c.state === 'STATE_COMPLETED'))
    await reached(id, 8)
    stack.docker('kill', '-s', 'KILL', container(id))
    await ends(stack.client, id, 'COMPLETED')
    const lines = await logLines(stack.client, id)
    expect(lines.some((line) => /^resumed at step (5|10)$/.test(line))).toBe(true)
    expect(lines).toContain(`weights ${expectedWeights(30)}`)
    expect((await onlyTrial(stack.client, id)).restarts).toBe(1)
  }, 180_000)

  test('master killed, NATS stopped and Postgres restarted while it trains, a checkpoint declared a moment before exit 0', async () => {
    const id = await run({ steps: 60, every: 60, pause: 0.1 })
    await reached(id, 5)
    await stack.master.kill('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    await stack.master.start()
    await reached(id, 15)
    await stack.nats.kill('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, Number(process.env['DROVER_TEST_NATS_DOWN_MS'] ?? 8_000)))
    await until('the container has ended while NATS was away', 60_000, async () => container(id) === '')
    await stack.postgres.kill('SIGINT')
    await stack.postgres.start()
    await stack.nats.start()
    await ends(stack.client, id, 'COMPLETED')
    expect(trainingLines(await logLines(stack.client, id))).toEqual(Array.from({ length: 60 }, (_, index) => index + 1))
    expect((await checkpointsOf(id)).map((c) => [c.state, c.metadata.steps_completed])).toEqual([['STATE_COMPLETED', 60]])
    expect((await onlyTrial(stack.client, id)).restarts).toBe(0)
  }, 240_000)

  test('paused and activated again: resumes where it stopped', async () => {
    const id = await run({ steps: 30, every: 10, pause: 0.1 })
    await reached(id, 6)
    await stack.client.post(`/api/v1/experiments/${id}/pause`)
    await until('the container is gone', 60_000, async () => container(id) === '')
    expect(await stateOf(stack.client, id)).toBe('PAUSED')
    await stack.client.post(`/api/v1/experiments/${id}/activate`)
    await ends(stack.client, id, 'COMPLETED')
    expect(await logLines(stack.client, id)).toContain(`weights ${expectedWeights(30)}`)
    expect((await onlyTrial(stack.client, id)).restarts).toBe(0)
  }, 180_000)

  test('cancel saves and stops, kill stops at once', async () => {
    const canceled = await run({ steps: 400, every: 100, pause: 0.1 })
    await reached(canceled, 3)
    await stack.client.post(`/api/v1/experiments/${canceled}/cancel`)
    await ends(stack.client, canceled, 'CANCELED')
    expect((await checkpointsOf(canceled)).length).toBe(1)
    const killed = await run({ steps: 400, every: 100, pause: 0.1 })
    await reached(killed, 3)
    await stack.client.post(`/api/v1/experiments/${killed}/kill`)
    await ends(stack.client, killed, 'CANCELED')
    expect(container(killed)).toBe('')
  }, 180_000)

  test('an entrypoint that exits 3 is tried max_restarts times, then says so', async () => {
    const id = await run({ steps: 1, every: 1, pause: 0, exit: 3 }, { max_restarts: 1 })
    await ends(stack.client, id, 'ERROR')
    expect((await onlyTrial(stack.client, id)).restarts).toBe(1)
    const why = await stack.client.get<{ reason: string }>(`/api/v1/drover/why/experiments/${id}`)
    expect(JSON.stringify(why)).toMatch(/exit(ed)?.*3/)
  }, 120_000)

  test('an unknown image is a clear error that names the image', async () => {
    const id = await run({ steps: 1 }, { environment: { image: 'drover.invalid/nowhere:1' } })
    await ends(stack.client, id, 'ERROR')
    const why = JSON.stringify(await stack.client.get(`/api/v1/drover/why/experiments/${id}`))
    expect(why).toContain('drover.invalid/nowhere:1')
  }, 120_000)
})

/** DESIGN section 7: final keys, manifest, pointer; the download gives the same bytes. */
async function layoutStands(experiment: number, checkpoints: Checkpoint[]): Promise<void> {
  const names = readdirSync(join(stack.dir, 'bucket'), { recursive: true, encoding: 'utf8' })
  for (const checkpoint of checkpoints) {
    const steps = String(checkpoint.metadata.steps_completed).padStart(12, '0')
    const pointer = names.find((name) => name.endsWith(`/checkpoints/${steps}-${checkpoint.uuid}.json`))
    expect(pointer, `pointer of ${checkpoint.uuid} among ${names.join(' ')}`).toBeDefined()
    expect(pointer).toContain(`experiments/${experiment}-flow/trials/`)
    const pointed = JSON.parse(readFileSync(join(stack.dir, 'bucket', pointer ?? ''), 'utf8')) as { prefix: string }
    const manifest = JSON.parse(readFileSync(join(stack.dir, 'bucket', pointed.prefix, 'manifest.json'), 'utf8')) as { files: { name: string; sha256: string }[] }
    expect(manifest.files.map((file) => file.name)).toEqual(['metadata.json', 'nested/note.txt', 'state.json', 'weights.bin'])
    for (const file of manifest.files) {
      const bytes = readFileSync(join(stack.dir, 'bucket', pointed.prefix, file.name))
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(file.sha256)
    }
  }
}
