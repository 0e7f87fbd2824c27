import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EC2Client, TerminateInstancesCommand } from '@aws-sdk/client-ec2'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, onlyTrial, submit } from '../rig/client.ts'
import { IMAGE, missingEc2Parts, startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import { until } from '../rig/processes.ts'
import { expectedWeights } from './training/expected-weights.ts'

const missing = missingEc2Parts()
if (missing) process.stderr.write(`EC2 loss tests skipped: ${missing}\n`)

const SCRIPT = readFileSync(join(import.meta.dirname, 'training/train.py'))
const LOST_MS = 15_000
const pool = (pool_name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  pool_name,
  provider: {
    type: 'aws', region: 'us-east-1', instance_type: 'c5.large', cpu_slots_allowed: true, image_id: IMAGE, max_instances: 2, max_idle_agent_period: '2s', max_agent_starting_period: '60s', ...more,
  },
})
const CONFIG = {
  resource_pools: [pool('default'), pool('spot', { market: 'spot' })],
  herd: { ec2_list_period: '2s', launch_call_period: '500ms', agent_lost_after: `${LOST_MS / 1_000}s` },
}
const STEPS = 60
let stack: Ec2Stack
let behind: EC2Client

/** Some 12 s of work in all. */
const train = (resource_pool: string): Promise<number> => submit(stack.client, {
  name: 'ec2 loss', entrypoint: 'python3 train.py', environment: { image: process.env['DROVER_TEST_IMAGE'] }, resources: { resource_pool },
  hyperparameters: { steps: STEPS, every: 5, pause: 0.2 }, searcher: { name: 'single', metric: 'validation_loss' }, max_restarts: 0,
}, { 'train.py': SCRIPT })

interface Checkpoint { state: string; metadata: { steps_completed: number } }

/** Runs until its first checkpoint is committed; gives its instance. */
async function hasSaved(experiment: number): Promise<string> {
  await until(`experiment ${experiment} has a committed checkpoint`, 60_000, async () =>
    (await stack.client.get<{ checkpoints: Checkpoint[] }>(`/api/v1/experiments/${experiment}/checkpoints`)).checkpoints.some((one) => one.state === 'STATE_COMPLETED'))
  const running = await stack.instances('running')
  expect(running).toHaveLength(1)
  return running[0]?.id ?? ''
}

/** It went on elsewhere from a checkpoint, did every step once, and no restart was counted. */
async function wentOn(experiment: number): Promise<void> {
  await ends(stack.client, experiment, 'COMPLETED', 120_000)
  const lines = await logLines(stack.client, experiment)
  expect(lines).toContain(`weights ${expectedWeights(STEPS)}`)
  expect(lines.filter((line) => /^resumed at step \d+$/.test(line))).toHaveLength(1)
  expect((await onlyTrial(stack.client, experiment)).restarts).toBe(0)
}

describe.skipIf(missing !== null)('instances that are lost', () => {
  beforeAll(async () => {
    stack = await startEc2Stack({ config: CONFIG, cpuSlots: { 'c5.large': 1 } })
    behind = new EC2Client({ endpoint: stack.motoUrl, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  }, 90_000)
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${await stack.story()}\n`)
    await stack.untilInstances('running', 0, 90_000)
  }, 100_000)
  afterAll(async () => {
    behind?.destroy()
    await stack?.stop()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  test('EC2 ends an instance without a word: the trial goes on elsewhere, well before silence would count', async () => {
    const experiment = await train('default')
    const id = await hasSaved(experiment)
    const from = Date.now()
    await behind.send(new TerminateInstancesCommand({ InstanceIds: [id] }))
    await until('another instance is asked for', 60_000, async () => stack.sim.calls('RunInstances').length === 2)
    expect(Date.now() - from).toBeLessThan(LOST_MS)
    await wentOn(experiment)
  }, 240_000)

  test('a spot notice: the run saves, stops and goes on elsewhere before the instance is taken', async () => {
    const experiment = await train('spot')
    const id = await hasSaved(experiment)
    const before = (await stack.instances()).length
    stack.sim.interrupt(id, { noticeMs: 30_000 })
    await until('the run has saved and stopped', 30_000, async () => (await logLines(stack.client, experiment)).some((line) => line.startsWith('preempted at step')))
    await wentOn(experiment)
    expect((await stack.instances()).length - before).toBe(1)
    expect((await stack.instances()).at(-1)).toMatchObject({ market: 'spot' })
  }, 240_000)

  test('a host falls silent: lost after a while, its instance ended, the trial goes on elsewhere', async () => {
    const experiment = await train('default')
    const id = await hasSaved(experiment)
    const from = Date.now()
    await stack.launcher.loseHost(id)
    await until('its instance is ended', 90_000, async () => stack.sim.calls('TerminateInstances').some((call) => call.outcome === 'ok' && call.instances.includes(id)), 200)
    expect(Date.now() - from).toBeGreaterThan(LOST_MS - 6_000)
    await wentOn(experiment)
  }, 240_000)

  test('an agent that is cut off for a while comes back: the same container trains on', async () => {
    const experiment = await train('default')
    const id = await hasSaved(experiment)
    const launches = stack.sim.calls('RunInstances').length
    const [container] = await stack.launcher.machine(id).containers()
    stack.launcher.partition(id, true)
    await new Promise((resolve) => setTimeout(resolve, LOST_MS / 2))
    stack.launcher.partition(id, false)
    expect(await stack.launcher.machine(id).containers()).toContain(container)
    await ends(stack.client, experiment, 'COMPLETED', 60_000)
    const lines = await logLines(stack.client, experiment)
    expect(lines.filter((line) => line.startsWith('line '))).toHaveLength(STEPS)
    expect(lines.some((line) => line.startsWith('resumed'))).toBe(false)
    expect(stack.sim.calls('RunInstances')).toHaveLength(launches)
  }, 240_000)
})
