import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EC2Client, TerminateInstancesCommand } from '@aws-sdk/client-ec2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ends, logLines, onlyTrial, stateOf, submit } from '../rig/client.ts'
import { IMAGE, missingEc2Parts, startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import type { SimInstance } from '../rig/ec2sim/instances.ts'
import { until } from '../rig/processes.ts'
import { expectedGangWeights } from './training/expected-gang.ts'

const missing = missingEc2Parts()
if (missing) process.stderr.write(`gang tests skipped: ${missing}\n`)
const TORCH = process.env['DROVER_TEST_TORCH_IMAGE']
if (!TORCH) process.stderr.write('torchrun test skipped: DROVER_TEST_TORCH_IMAGE is not set: no image with PyTorch\n')

const file = (name: string): Buffer => readFileSync(join(import.meta.dirname, 'training', name))
const pool = (pool_name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  pool_name,
  provider: {
    type: 'aws', region: 'us-east-1', instance_type: 'c5.large', cpu_slots_allowed: true, instance_slots: 2, image_id: IMAGE, max_instances: 2, max_idle_agent_period: '1s', max_agent_starting_period: '60s', ...more,
  },
})
const CHOICES = { instance_type: undefined, instance_types: ['c5.large', 'm5.large'], availability_zones: ['us-east-1a', 'us-east-1b'] }
const CONFIG = {
  resource_pools: [pool('default'), pool('three', { max_instances: 3 }), ...['zones', 'half-up', 'none-up'].map((name) => pool(name, CHOICES))],
  herd: { ec2_list_period: '2s', launch_call_period: '500ms', agent_lost_after: '60s', dry_period: '60s' },
}
const STEPS = 40
const ENDS = ['COMPLETED', 'CANCELED', 'ERROR']
let stack: Ec2Stack
let behind: EC2Client

/** One trial of 4 slots, on agents of 2. */
const gang = (hyperparameters: Record<string, unknown>, more: { pool?: string; max_restarts?: number } = {}): Promise<number> => submit(stack.client, {
  name: 'gang', entrypoint: 'python3 gang.py', environment: { image: process.env['DROVER_TEST_IMAGE'] }, resources: { resource_pool: more.pool ?? 'default', slots_per_trial: 4 },
  hyperparameters, searcher: { name: 'single', metric: 'loss' }, max_restarts: more.max_restarts ?? 0,
}, { 'gang.py': file('gang.py') })

interface Checkpoint { state: string; metadata: { steps_completed: number } }
const committed = async (experiment: number): Promise<number[]> =>
  (await stack.client.get<{ checkpoints: Checkpoint[] }>(`/api/v1/experiments/${experiment}/checkpoints`)).checkpoints.filter((one) => one.state === 'STATE_COMPLETED').map((one) => one.metadata.steps_completed).toSorted((a, b) => a - b)
const hasSaved = (experiment: number): Promise<void> => until(`experiment ${experiment} has a committed checkpoint`, 60_000, async () => (await committed(experiment)).length > 0)
const containers = (experiment: number): string[] => stack.docker('ps', '-q', '--filter', `label=drover.experiment=${experiment}`).split('\n').filter((id) => id !== '')
const matches = (lines: readonly string[], pattern: RegExp): RegExpExecArray[] => lines.map((line) => pattern.exec(line)).filter((found) => found !== null)
const told = async (experiment: number): Promise<string[]> => (await stack.events({ experimentId: String(experiment) })).map((event) => event.text)
/** as `drover why` has it */
const why = async (experiment: number): Promise<string> => JSON.stringify(await stack.client.get(`/api/v1/drover/why/experiments/${experiment}`))
const agents = async (): Promise<string[]> => (await stack.client.get<{ agents: { id: string }[] }>('/api/v1/agents')).agents.map(({ id }) => id)
const endInEc2 = async (instance: SimInstance | undefined): Promise<void> => void (await behind.send(new TerminateInstancesCommand({ InstanceIds: [instance?.id ?? ''] })))

/** Both ranks came to the same end, every step done once. */
async function trained(experiment: number, restarts = 0): Promise<string[]> {
  await ends(stack.client, experiment, 'COMPLETED')
  const lines = await logLines(stack.client, experiment)
  for (const rank of [0, 1]) expect(lines.filter((line) => line.startsWith(`rank ${rank} has weights`))).toEqual([`rank ${rank} has weights ${expectedGangWeights(STEPS)}`])
  expect((await onlyTrial(stack.client, experiment)).restarts).toBe(restarts)
  return lines
}

describe.skipIf(missing !== null)('gangs', () => {
  beforeAll(async () => {
    stack = await startEc2Stack({ config: CONFIG, cpuSlots: { 'c5.large': 2, 'm5.large': 2 } })
    behind = new EC2Client({ endpoint: stack.motoUrl, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  }, 90_000)
  beforeEach(() => stack.sim.clearCalls())
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${await stack.story()}\n`)
    Object.assign(stack.launcher, { boots: 'ok', bootMs: 0 })
    stack.sim.capacity('c5.large', 'us-east-1a', 'on-demand', null)
    const { experiments } = await stack.client.get<{ experiments: { id: number; state: string }[] }>('/api/v1/experiments')
    for (const { id } of experiments.filter(({ state }) => !ENDS.includes(state.replace('STATE_', '')))) await stack.client.post(`/api/v1/experiments/${id}/kill`)
    await stack.untilInstances('running', 0, 60_000)
  }, 90_000)
  afterAll(async () => {
    behind?.destroy()
    await stack?.stop()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  test('one trial on two agents: one call, one container each, one sum, and nothing is left', async () => {
    const experiment = await gang({ steps: STEPS, every: 20, pause: 0.1 })
    const both = await stack.untilInstances('running', 2, 30_000)
    let running: string[] = []
    await until('its containers run', 60_000, async () => (running = containers(experiment)).length === 2)
    const machines = both.map(({ id }) => stack.launcher.machine(id))
    const pids = machines.map((machine) => machine.pid() ?? 0)
    const held = await Promise.all(machines.map((machine) => machine.containers()))
    expect(held.map((ids) => ids.filter((id) => running.some((short) => id.startsWith(short))).length)).toEqual([1, 1])

    const lines = await trained(experiment)
    const calls = stack.sim.calls('RunInstances')
    expect(calls.map((call) => [call.outcome, call.params['MinCount'], call.params['MaxCount']])).toEqual([['ok', '2', '2']])
    const ranks = matches(lines, /^rank (\d) of 2, slots (\[.*?\]), peers (\[.*\]), meets at (\S+):(\d+)$/)
    expect(ranks.map((found) => found[1]).toSorted()).toEqual(['0', '1'])
    for (const found of ranks) expect(JSON.parse(found[2] ?? '')).toHaveLength(2)
    expect(new Set(ranks.map((found) => found.slice(3).join(' '))).size).toBe(1)
    const peers = JSON.parse(ranks[0]?.[3] ?? '') as string[]
    expect(new Set(peers).size).toBe(2)
    expect(peers[0]).toBe(ranks[0]?.[4])
    const sums = matches(lines, /^rank \d gave (\d+) of sum (\d+)$/)
    expect(sums).toHaveLength(2)
    for (const found of sums) expect(Number(found[2])).toBe(sums.reduce((sum, one) => sum + Number(one[1]), 0))
    expect(await committed(experiment)).toEqual([20, 40])

    await stack.untilInstances('terminated', 2, 30_000)
    await until('their machines are down', 10_000, async () => stack.launcher.up().length === 0)
    const ended = stack.sim.calls('TerminateInstances').filter((call) => call.outcome === 'ok')
    expect(ended.flatMap((call) => call.instances).toSorted()).toEqual(both.map(({ id }) => id).toSorted())
    expect((ended.at(-1)?.at ?? 0) - (ended[0]?.at ?? 0)).toBeLessThan(2_000)
    for (const machine of machines) await until('its containers are gone', 10_000, async () => (await machine.containers()).length === 0, 200)
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    expect(stack.sim.calls('RunInstances')).toHaveLength(1)
  }, 180_000)

  test.skipIf(!TORCH)('torchrun from our variables alone: DDP over gloo on two agents, the loss falls, the weights are one', async () => {
    const entrypoint = 'torchrun --nnodes=$DROVER_WORLD_SIZE --node_rank=$DROVER_RANK --nproc_per_node=2 --master_addr=$DROVER_MASTER_ADDR --master_port=$DROVER_MASTER_PORT train_ddp.py'
    const experiment = await submit(stack.client, {
      name: 'torchrun', entrypoint, environment: { image: TORCH }, resources: { slots_per_trial: 4 }, hyperparameters: { steps: 40, every: 20 }, searcher: { name: 'single', metric: 'loss' }, max_restarts: 0,
    }, { 'train_ddp.py': file('train_ddp.py') })
    await ends(stack.client, experiment, 'COMPLETED')
    const weights = matches(await logLines(stack.client, experiment), /^rank (\d) of 4 has weights ([0-9a-f]{64})$/)
    expect(weights.map((found) => found[1]).toSorted()).toEqual(['0', '1', '2', '3'])
    expect(new Set(weights.map((found) => found[2])).size).toBe(1)
    const trial = await onlyTrial(stack.client, experiment)
    const { metrics } = await stack.client.get<{ metrics: { steps: number; values: { loss: number } }[] }>(`/api/v1/drover/trials/${trial.id}/metrics`)
    const losses = metrics.toSorted((a, b) => a.steps - b.steps).map((one) => one.values.loss)
    expect(losses).toHaveLength(40)
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2)
    expect(await committed(experiment)).toEqual([20, 40])
    expect((await stack.objects()).filter((key) => key.includes(`/trials/${trial.id}/`) && key.endsWith('/model.pt'))).toHaveLength(2)
  }, 180_000)

  test('one member is lost: the gang ends together, free of charge, and resumes as one from its newest checkpoint', async () => {
    const experiment = await gang({ steps: STEPS, every: 5, pause: 0.2 })
    await hasSaved(experiment)
    const before = await stack.instances('running')
    expect(before).toHaveLength(2)
    await endInEc2(before[1])
    await until('the attempt is over', 30_000, async () => (await told(experiment)).some((text) => text.startsWith('allocation trial-') && text.includes('was sealed')))
    const saved = (await committed(experiment)).at(-1)
    const lines = await trained(experiment)
    expect(matches(lines, /^rank (\d) resumed at step (\d+)$/).map((found) => [found[1], Number(found[2])]).toSorted()).toEqual([['0', saved], ['1', saved]])
    expect(matches(lines, /^rank \d of 2, /)).toHaveLength(4)
    expect((await told(experiment)).filter((text) => text.includes('goes again free of charge'))).toHaveLength(1)
    // the other one was kept: one more was enough
    expect(stack.sim.calls('RunInstances').map((call) => call.params['MaxCount'])).toEqual(['2', '1'])
  }, 180_000)

  test('two gangs race for the same slots: one after the other, with room for two nodes and for three', async () => {
    const steps = { steps: STEPS, every: 40, pause: 0.02 }
    const experiments = await Promise.all(['default', 'default', 'three', 'three'].map((pool) => gang(steps, { pool })))
    let most = { default: 0, three: 0 }
    const look = async (): Promise<void> => {
      const there = (await stack.instances('pending', 'running')).map((one) => one.tags['drover:pool'])
      const count = (name: string): number => there.filter((pool) => pool === name).length
      most = { default: Math.max(most.default, count('default')), three: Math.max(most.three, count('three')) }
    }
    await until('all have ended', 120_000, async () => {
      await look()
      return (await Promise.all(experiments.map((experiment) => stateOf(stack.client, experiment)))).every((state) => ENDS.includes(state))
    }, 200)
    for (const experiment of experiments) await trained(experiment)
    expect(most.default).toBe(2)
    expect(most.three).toBeLessThanOrEqual(3)
  }, 240_000)

  test('EC2 has one of two: refused as a whole, nothing is made, the next place is tried', async () => {
    stack.sim.capacity('c5.large', 'us-east-1a', 'on-demand', 1)
    const experiment = await gang({ steps: STEPS, every: 40, pause: 0.02 }, { pool: 'zones' })
    await trained(experiment)
    const calls = stack.sim.calls('RunInstances')
    expect(calls.map((call) => [call.type, call.zone, call.outcome])).toEqual([['c5.large', 'us-east-1a', 'InsufficientInstanceCapacity'], ['c5.large', 'us-east-1b', 'ok']])
    for (const call of calls) expect([call.params['MinCount'], call.params['MaxCount']]).toEqual(['2', '2'])
    expect((await told(experiment)).some((text) => text.includes('2 x c5.large in us-east-1a') && text.includes('InsufficientInstanceCapacity'))).toBe(true)
    expect(await why(experiment)).toContain('InsufficientInstanceCapacity')
  }, 180_000)

  test.each([['none-up', 'before either has registered'], ['half-up', 'after the other has registered']])('one of two ends (%s, %s): the other is given back and the next place tried', async (pool) => {
    const before = (await stack.instances()).length
    stack.launcher.boots = pool === 'half-up' ? 'ok' : 'never-registers'
    const experiment = await gang({ steps: STEPS, every: 40, pause: 0.02 }, { pool })
    const [first, second] = await stack.untilInstances('running', 2, 30_000)
    await until('their machines are up', 10_000, async () => stack.launcher.up().length === 2, 10)
    stack.launcher.boots = 'ok'
    if (pool === 'half-up') {
      stack.launcher.partition(second?.id ?? '', true)
      await until('the first is ready', 30_000, async () => (await agents()).includes(first?.id ?? ''))
      expect(await agents()).not.toContain(second?.id)
    }
    const from = Date.now()
    await endInEc2(second)
    await until('the other is given back', 30_000, async () => stack.sim.calls('TerminateInstances').some((call) => call.outcome === 'ok' && call.instances.includes(first?.id ?? '')), 200)
    expect(Date.now() - from).toBeLessThan(30_000)
    await until('the next choice is tried', 30_000, async () => stack.sim.calls('RunInstances').length === 2, 200)
    const said = await why(experiment)
    await trained(experiment)
    expect(stack.sim.calls('RunInstances').map((call) => [call.type, call.zone, call.outcome])).toEqual([['c5.large', 'us-east-1a', 'ok'], ['c5.large', 'us-east-1b', 'ok']])
    expect((await stack.instances()).length - before).toBe(4)
    for (const word of ['given back', 'ended outside of Drover', 'us-east-1b']) expect(said).toContain(word)
  }, 180_000)

  test('paused and activated, then killed', async () => {
    const experiment = await gang({ steps: STEPS, every: 40, pause: 0.2 })
    await until('it trains', 60_000, async () => matches(await logLines(stack.client, experiment), /gave/).length === 2)
    await stack.client.post(`/api/v1/experiments/${experiment}/pause`)
    await until('the containers are gone', 30_000, async () => containers(experiment).length === 0)
    expect(await stateOf(stack.client, experiment)).toBe('PAUSED')
    await stack.client.post(`/api/v1/experiments/${experiment}/activate`)
    const lines = await trained(experiment)
    const stopped = matches(lines, /^rank \d preempted at step (\d+)$/).map((found) => found[1])
    expect(stopped).toHaveLength(2)
    expect(matches(lines, /^rank \d resumed at step (\d+)$/).map((found) => found[1])).toEqual(stopped)

    const endless = await gang({ steps: 1_000, every: 1_000, pause: 0.2 })
    await until('it runs', 60_000, async () => containers(endless).length === 2)
    await stack.client.post(`/api/v1/experiments/${endless}/kill`)
    await ends(stack.client, endless, 'CANCELED', 30_000)
    expect(containers(endless)).toEqual([])
  }, 180_000)

  test('one rank fails: the others are ended at once, the log says who and why, one restart is counted', async () => {
    // at first rank 0 does not notice and would wait for ever; in the second attempt it fails by itself, because of rank 1
    const experiment = await gang({ steps: STEPS, every: 40, pause: 0.05, fail_rank: 1, fail_step: 12, fail_code: 3, deaf_attempt: 1 }, { max_restarts: 1 })
    await ends(stack.client, experiment, 'ERROR')
    const lines = await logLines(stack.client, experiment)
    expect(matches(lines, /^rank 1 gives up at step 12$/)).toHaveLength(2)
    expect(lines.filter((line) => /^killing: a gang ends together: rank 1 on agent i-[0-9a-f]+: container exited with code 3/.test(line))).toHaveLength(1)
    expect((await onlyTrial(stack.client, experiment)).restarts).toBe(1)
    const texts = await told(experiment)
    expect(texts.filter((text) => text.includes('restart 1 of 1'))).toHaveLength(1)
    for (const text of texts.filter((one) => one.includes('restart 1 of 1') || one.includes('max_restarts 1 reached'))) expect(text).toMatch(/rank 1 on agent i-[0-9a-f]+: container exited with code 3/)
    expect(await why(experiment)).toMatch(/rank 1 on agent i-[0-9a-f]+: container exited with code 3/)
  }, 180_000)
})
