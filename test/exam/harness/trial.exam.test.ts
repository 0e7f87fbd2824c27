import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ends, onlyTrial, submit } from '../../rig/client.ts'
import { missingParts, startStack, type Stack } from '../../rig/stack.ts'

const IMAGE = process.env['DROVER_TEST_DETERMINED_IMAGE']
const missing = missingParts() ?? (IMAGE ? null : 'DROVER_TEST_DETERMINED_IMAGE is not set: no image with the determined package')
if (missing) process.stderr.write(`trial class exam skipped: ${missing}\n`)

let stack: Stack

interface Validation { trial: { latestValidation: { totalBatches: number; metrics: { avgMetrics: { score: number } } } } }

describe.skipIf(missing !== null)('the determined package in a container: PyTorchTrial', () => {
  beforeAll(async () => {
    stack = await startStack({ cpuSlots: 1 })
  }, 120_000)
  afterAll(() => stack?.stop())

  test.each([['its own Trainer', 'python3 model_def.py'], ['the entrypoint of a trial class', 'model_def:LineTrial']])('%s', async (_name, entrypoint) => {
    const experiment = await submit(stack.client, {
      name: 'line', entrypoint, environment: { image: IMAGE }, hyperparameters: { global_batch_size: 8 }, searcher: { name: 'single', metric: 'score', max_length: { batches: 40 } },
      min_validation_period: { batches: 20 }, min_checkpoint_period: { batches: 20 }, max_restarts: 0,
    }, { 'model_def.py': readFileSync(join(import.meta.dirname, 'scripts/model_def.py')) })
    await ends(stack.client, experiment, 'COMPLETED')
    const trial = await onlyTrial(stack.client, experiment)
    const { trial: { latestValidation } } = await stack.client.get<Validation>(`/api/v1/trials/${trial.id}`)
    expect(latestValidation.totalBatches).toBe(40)
    expect(latestValidation.metrics.avgMetrics.score).toBeLessThan(0.5)
    const { checkpoints } = await stack.client.get<{ checkpoints: { state: string; resources: Record<string, string> }[] }>(`/api/v1/experiments/${experiment}/checkpoints`)
    expect(checkpoints.length).toBeGreaterThan(0)
    for (const one of checkpoints) expect([one.state, Object.keys(one.resources).includes('state_dict.pth'), Object.keys(one.resources).includes('code/model_def.py')]).toEqual(['STATE_COMPLETED', true, true])
  })
})
