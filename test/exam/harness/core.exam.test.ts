import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, onlyTrial, submit } from '../../rig/client.ts'
import { until } from '../../rig/processes.ts'
import { missingParts, startStack, type Stack } from '../../rig/stack.ts'

const IMAGE = process.env['DROVER_TEST_DETERMINED_IMAGE']
const missing = missingParts() ?? (IMAGE ? null : 'DROVER_TEST_DETERMINED_IMAGE is not set: no image with the determined package')
if (missing) process.stderr.write(`harness exam skipped: ${missing}\n`)

const script = (name: string): Buffer => readFileSync(join(import.meta.dirname, 'scripts', name))
let stack: Stack

const run = (hyperparameters: Record<string, unknown>, more: Record<string, unknown> = {}): Promise<number> => submit(stack.client, {
  name: 'core api', entrypoint: 'python3 core.py', environment: { image: IMAGE }, hyperparameters, searcher: { name: 'single', metric: 'score', smaller_is_better: false },
  reproducibility: { experiment_seed: 7 }, max_restarts: 0, ...more,
}, { 'core.py': script('core.py') })

interface Checkpoint { uuid: string; state: string; metadata: Record<string, unknown>; resources: Record<string, string> }
const checkpoints = async (experiment: number): Promise<Checkpoint[]> => (await stack.client.get<{ checkpoints: Checkpoint[] }>(`/api/v1/experiments/${experiment}/checkpoints?sortByAttr=SORT_BY_BATCH_NUMBER&orderBy=ORDER_BY_ASC`)).checkpoints

/** What `core.py` comes to, however often it was interrupted. */
function stateAfter(steps: number, seed: number): string {
  let state = 'begin'
  for (let step = 0; step < steps; step += 1) state = createHash('sha256').update(`${state}:${seed}`).digest('hex')
  return state
}

async function expectState(experiment: number, steps: number): Promise<string[]> {
  const lines = await logLines(stack.client, experiment)
  const trial = await onlyTrial(stack.client, experiment)
  const { trial: { drover: { seed } } } = await stack.client.get<{ trial: { drover: { seed: number } } }>(`/api/v1/trials/${trial.id}`)
  // metrics are reported beside the training: the best that it reads may be an earlier one
  expect(lines.filter((line) => line.startsWith('state ')).map((line) => line.replace(/, best \d+\.0$/, ''))).toEqual([`state ${stateAfter(steps, seed)} after ${steps}`])
  expect(await stack.client.get(`/api/v1/trials/${trial.id}`)).toMatchObject({ trial: { latestValidation: { totalBatches: steps }, bestValidation: { metrics: { avgMetrics: { score: steps } } } } })
  return lines
}

describe.skipIf(missing !== null)('the determined package in a container: Core API', () => {
  beforeAll(async () => {
    stack = await startStack()
  }, 120_000)
  afterAll(() => stack?.stop())

  test('metrics of any group, status, progress, metadata, store_path, upload, download; COMPLETED only when committed', async () => {
    const experiment = await run({ steps: 20 })
    await ends(stack.client, experiment, 'COMPLETED')
    const lines = await expectState(experiment, 20)
    expect(lines.some((line) => line.includes('alert: done: all steps'))).toBe(true)
    const found = await checkpoints(experiment)
    expect(found.map(({ state, metadata }) => [state, metadata['steps_completed']])).toEqual([['STATE_COMPLETED', 10], ['STATE_COMPLETED', 20], ['STATE_COMPLETED', 21]])
    expect(found[0]?.metadata).toMatchObject({ note: 'mine' })
    expect(Object.keys(found[0]?.resources ?? {})).toEqual(['metadata.json', 'sub/state.json'])
    const trial = await onlyTrial(stack.client, experiment)
    const { workloads } = await stack.client.get<{ workloads: { training?: { metrics: { avgMetrics: object } } }[] }>(`/api/v1/trials/${trial.id}/workloads?group=training`)
    expect(workloads.map((one) => one.training?.metrics.avgMetrics)).toEqual([{ loss: 0.1, odd: 'NaN', far: 'Infinity' }, { loss: 0.05, odd: 'NaN', far: 'Infinity' }])
    const mine = await stack.client.get<{ workloads: unknown[] }>(`/api/v1/trials/${trial.id}/workloads?group=mine`)
    expect(mine.workloads).toHaveLength(2)
    expect(await stack.client.get(`/api/v1/trials/${trial.id}`)).toMatchObject({ trial: { runnerState: 'training' } })
    const kept = (await readdir(join(stack.dir, 'bucket'), { recursive: true })).filter((name) => name.includes('tensorboard') && name.includes('tfevents'))
    expect(kept.length).toBeGreaterThan(0)
  })

  test('paused and resumed, it comes to the same bits', async () => {
    const experiment = await run({ steps: 60, every: 10, pause: 0.1 })
    await until('a first checkpoint', 60_000, async () => (await checkpoints(experiment)).length > 0)
    await stack.client.post(`/api/v1/experiments/${experiment}/pause`)
    await until('it is paused', 60_000, async () => (await logLines(stack.client, experiment)).some((line) => line.startsWith('preempted at')))
    await stack.client.post(`/api/v1/experiments/${experiment}/activate`)
    await ends(stack.client, experiment, 'COMPLETED')
    const lines = await expectState(experiment, 60)
    expect(lines.filter((line) => line.startsWith('resumed at'))).toHaveLength(1)
  })

  test('a master that is away for a minute stops nothing', async () => {
    const experiment = await run({ steps: 60, every: 10, pause: 0.2 })
    await until('a first checkpoint', 60_000, async () => (await checkpoints(experiment)).length > 0)
    await stack.master.kill('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 60_000))
    await stack.master.start()
    await ends(stack.client, experiment, 'COMPLETED')
    await expectState(experiment, 60)
    expect((await onlyTrial(stack.client, experiment)).restarts).toBe(0)
  })
})
