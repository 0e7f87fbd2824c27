import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ends, submit } from '../rig/client.ts'
import { until } from '../rig/processes.ts'
import { missingParts, startStack, type Stack } from '../rig/stack.ts'

const missing = missingParts()
if (missing) process.stderr.write(`the drill of a search is skipped: ${missing}\n`)

const TRIALS = 24
const AT_ONCE = 4
const STEPS = 16
/** Its loss falls with the steps towards what its hyperparameters allow: lr nearest to 0.01 is the best. Saves and stops when it is asked to. */
const SCRIPT = `
import json, math, os, sys, time
params, step = json.loads(os.environ["DROVER_HPARAMS"]), int(os.environ["DROVER_STEPS_COMPLETED"])
def save():
    draft = os.path.join(os.environ["DROVER_CHECKPOINT_DIR"], "draft-%d" % step)
    os.makedirs(draft)
    with open(os.path.join(draft, "model.json"), "w") as file:
        json.dump({"lr": params["lr"], "step": step}, file)
    os.rename(draft, os.path.join(os.environ["DROVER_CHECKPOINT_DIR"], "step-%d" % step))
while step < ${STEPS}:
    step += 1
    loss = abs(math.log10(params["lr"]) + 2) + 1.0 / step
    with open(os.environ["DROVER_METRICS_FILE"], "a") as file:
        file.write(json.dumps({"steps": step, "group": "validation", "values": {"validation_loss": loss, "batches": step}, "progress": step / ${STEPS}.0}) + "\\n")
    if os.path.exists(os.environ["DROVER_PREEMPT_FILE"]) and step < ${STEPS}:
        save()
        sys.exit(75)
    time.sleep(0.1)
save()
`

interface Trial { id: number; state: string; hparams: { lr: number }; searcherMetricValue: number | null; totalBatchesProcessed: number; restarts: number }

describe.skipIf(missing !== null)('a search on real containers', () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack({ cpuSlots: AT_ONCE })
  }, 90_000)
  afterAll(async () => {
    await stack?.stop()
  }, 60_000)

  test('24 trials of adaptive_asha, the master killed in the middle: never too many at once, the worst stopped early, the best one found and its checkpoint kept', async () => {
    const config = {
      name: 'search', entrypoint: 'python3 train.py', environment: { image: process.env['DROVER_TEST_IMAGE'] ?? '' }, hyperparameters: { lr: { type: 'log', base: 10, minval: -4, maxval: -1 } }, max_restarts: 0,
      searcher: { name: 'adaptive_asha', metric: 'validation_loss', smaller_is_better: true, max_trials: TRIALS, max_concurrent_trials: AT_ONCE, max_time: STEPS, time_metric: 'batches', divisor: 4, max_rungs: 2, mode: 'aggressive' },
      resources: { slots_per_trial: 1 }, reproducibility: { experiment_seed: 7 },
    }
    const id = await submit(stack.client, config, { 'train.py': SCRIPT })
    const trials = async (): Promise<Trial[]> => (await stack.client.get<{ trials: Trial[] }>(`/api/v1/experiments/${id}/trials?limit=1000`)).trials
    await until('a third of the trials have ended', 180_000, async () => (await trials()).filter((trial) => trial.state === 'STATE_COMPLETED').length >= TRIALS / 3, 200)
    const before = await trials()
    expect(before.filter((trial) => trial.state !== 'STATE_COMPLETED').length).toBeLessThanOrEqual(AT_ONCE)
    await stack.master.kill('SIGKILL')
    await stack.master.start()
    await ends(stack.client, id, 'COMPLETED', 240_000)

    const all = await trials()
    expect(all.map((trial) => trial.state)).toEqual(Array.from({ length: TRIALS }, () => 'STATE_COMPLETED'))
    // what was drawn before the kill stands
    for (const trial of before) expect(all.find((one) => one.id === trial.id)?.hparams).toEqual(trial.hparams)
    const stopped = all.filter((trial) => trial.totalBatchesProcessed < STEPS)
    expect(stopped.length).toBeGreaterThan(0)
    const best = all.toSorted((a, b) => (a.searcherMetricValue ?? Infinity) - (b.searcherMetricValue ?? Infinity))[0]
    expect(best?.totalBatchesProcessed).toBe(STEPS)
    const { experiment } = await stack.client.get<{ experiment: { bestTrialId: number; numTrials: number; progress: number } }>(`/api/v1/experiments/${id}`)
    expect(experiment).toMatchObject({ bestTrialId: best?.id, numTrials: TRIALS, progress: 1 })
    const { checkpoints } = await stack.client.get<{ checkpoints: { state: string; training: { trialId: number }; metadata: { steps_completed: number } }[] }>(`/api/v1/trials/${best?.id}/checkpoints`)
    expect(checkpoints.map((one) => [one.state, one.metadata.steps_completed])).toEqual([['STATE_COMPLETED', STEPS]])
  }, 480_000)
})
