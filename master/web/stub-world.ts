import type { LiveEvent, LiveLine, LiveMetric } from '../../protocol/wire/live.ts'
import type { Checkpoint, Experiment } from './src/api/shapes.ts'
import { makeHerd } from './stub-herd.ts'
import type { StubWorld } from './stub-master.ts'

/** Sets `window.hacked` wherever it is taken for markup. */
export const HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
export const HOSTILE_FILE = '<svg onload=window.hacked=1>.bin'
export const UUID = '0b1f0a5e-6c1c-4f0f-9c55-3a1c6a3c1d2e'
const START = Date.now() - 1_800_000

export function line(id: number, log: string, level = 'INFO', rank = 0): LiveLine {
  return { id, time: new Date(START + id * 1000).toISOString(), level, std: level === 'ERROR' ? 'stderr' : 'stdout', rank, agentId: 'gpu-1', containerId: 'c0ffee', source: '', log }
}

export function metric(id: number, group: string, steps: number, values: Record<string, unknown>): LiveMetric {
  return { id, time: new Date(START + steps * 100).toISOString(), group, steps, values }
}

export function event(id: number, kind: string, text: string, experimentId: number | null = 1): LiveEvent {
  return { id, time: new Date(START + id * 1000).toISOString(), kind, experimentId, trialId: null, allocationId: experimentId === null ? null : 'trial-1.1', agentId: experimentId === null ? 'gpu-1' : null, instanceId: null, pool: null, text, data: {} }
}

export function experiment(id: number, name: string, state: string, more: Partial<Experiment> = {}): Experiment {
  return {
    id, name, state, startTime: new Date(START).toISOString(), username: 'ada', numTrials: 1, progress: 0.42, resourcePool: 'default', searcherMetric: 'validation_loss',
    bestTrialSearcherMetric: null, originalConfig: `name: ${name}\nentrypoint: python3 train.py\nsearcher:\n  name: single\n  metric: validation_loss\n`, config: { name, entrypoint: 'python3 train.py' }, ...more,
  }
}

function checkpoint(uuid: string, steps: number, state: string): Checkpoint {
  return {
    uuid, state, reportTime: new Date(START + steps * 100).toISOString(), resources: { 'model/weights.bin': '11', [HOSTILE_FILE]: '4', 'metadata.json': '2' }, metadata: { steps_completed: steps },
    drover: { steps, url: `s3://bucket/experiments/1-resnet/trials/1/checkpoints/e1-${steps}/${uuid}`, error: '' },
    training: { trialId: 1, validationMetrics: { avgMetrics: { validation_loss: 0.31, accuracy: 0.9 } }, trainingMetrics: { avgMetrics: { loss: 0.28 } } },
  }
}

/** One running experiment with hostile names, one that waits, one that has ended; two agents. */
export function makeWorld(): StubWorld {
  const container = { id: 'c0ffee', parent: 'trial-1.1', state: 'STATE_RUNNING', drover: { experimentId: 1, trialId: 1 } }
  const slot = (id: string) => ({ id, device: { brand: 'NVIDIA A100-SXM4-40GB', uuid: `GPU-${id}`, type: 'TYPE_CUDA' }, enabled: true })
  const host = (status: 'ok' | 'suspect', agoMs: number) => ({ status, seenAt: new Date(Date.now() - agoMs).toISOString(), cpus: 96, memoryMib: 1_179_648, diskFreeMib: 800_000, driver: '550.54.15', instanceType: 'p4d.24xlarge' })
  return {
    experiments: [
      experiment(3, 'bert-large pretraining', 'STATE_QUEUED', { progress: 0 }),
      experiment(2, 'fashion-mnist baseline', 'STATE_COMPLETED', { progress: 1, bestTrialSearcherMetric: 0.2713, endTime: new Date(START + 600_000).toISOString() }),
      experiment(1, `resnet ${HOSTILE}`, 'STATE_RUNNING', { drover: { cost: { total: 3.61, useful: 2.9, boot: 0.22, idle: 0.08, lost: 0.41 } }, bestTrialSearcherMetric: 0.31, checkpointCount: 2, checkpointSize: '34', labels: ['vision', HOSTILE] }),
    ],
    trials: [{
      id: 1, experimentId: 1, state: 'STATE_RUNNING', startTime: new Date(START).toISOString(), hparams: {}, restarts: 0, totalBatchesProcessed: 400, taskId: 'trial-1',
      latestValidation: { metrics: { avgMetrics: { validation_loss: 0.33 } }, totalBatches: 400 }, searcherMetricValue: 0.31,
    }],
    checkpoints: [checkpoint(UUID, 400, 'STATE_COMPLETED'), checkpoint('1b1f0a5e-6c1c-4f0f-9c55-3a1c6a3c1d2e', 500, 'STATE_ACTIVE')],
    agents: [
      { id: 'gpu-1', enabled: true, resourcePools: ['default'], version: '0.1.0', drover: host('ok', 2000), registeredTime: new Date(START).toISOString(), addresses: ['10.0.0.4'], slots: { '0': { ...slot('0'), container }, '1': { ...slot('1'), container }, '2': slot('2'), '3': { ...slot('3'), enabled: false } }, containers: { c0ffee: container } },
      { id: 'gpu-2', enabled: true, resourcePools: ['default'], version: '0.1.0', drover: host('suspect', 45_000), slots: { '0': slot('0'), '1': slot('1') }, containers: {} },
    ],
    events: [event(1, 'experiment-created', 'ada created the experiment'), event(2, 'allocation-assigned', 'placed on gpu-1: 2 of 3 free slots, best fit'), event(3, 'agent-silent', 'gpu-2 has not been heard for 30 s', null)],
    lines: [line(1, 'loading data'), line(2, '\u001b[32mtraining\u001b[0m starts', 'INFO', 1), line(3, HOSTILE, 'ERROR')],
    metrics: Array.from({ length: 40 }, (_, i) => metric(i * 2 + 1, 'training', (i + 1) * 10, { loss: 2 * Math.exp(-i / 12) + 0.25 + (i % 5) * 0.02, accuracy: 1 - Math.exp(-i / 10) }))
      .flatMap((report, i) => (i % 4 === 3 ? [report, metric(i * 2 + 2, 'validation', report.steps, { validation_loss: 2 * Math.exp(-i / 12) + 0.33, accuracy: 0.96 - Math.exp(-i / 10) })] : [report])),
    files: { 'model/weights.bin': 'weights!!!\n', [HOSTILE_FILE]: 'evil', 'metadata.json': '{}' },
    why: { state: 'STATE_RUNNING', stateReason: '', summary: 'experiment 1 is RUNNING: trial 1 runs on gpu-1', trials: [{ trialId: 1, state: 'STATE_RUNNING', waitReason: '' }] },
    ...makeHerd(),
    isAdmin: false,
  }
}
