import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EC2Client, RunInstancesCommand, type Tag } from '@aws-sdk/client-ec2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ends, submit } from '../rig/client.ts'
import { IMAGE, missingEc2Parts, startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import type { Ec2Call } from '../rig/ec2sim/recorder.ts'
import { until } from '../rig/processes.ts'

const missing = missingEc2Parts()
if (missing) process.stderr.write(`EC2 fault tests skipped: ${missing}\n`)

const SCRIPT = readFileSync(join(import.meta.dirname, 'training/train.py'))
const pool = (pool_name: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  pool_name,
  provider: {
    type: 'aws', region: 'us-east-1', instance_type: 'c5.large', cpu_slots_allowed: true, image_id: IMAGE, max_instances: 2, max_idle_agent_period: '2s', max_agent_starting_period: '30s', ...more,
  },
})
const CONFIG = {
  resource_pools: [pool('default'), pool('two-types', { instance_type: undefined, instance_types: ['c5.xlarge', 'c5.large'], availability_zones: ['us-east-1a', 'us-east-1b'] }), pool('slow-boot', { max_agent_starting_period: '5s' })],
  herd: { ec2_list_period: '2s', launch_call_period: '500ms', dry_period: '60s' },
}

let stack: Ec2Stack
let behind: EC2Client

const train = (resource_pool: string): Promise<number> => submit(stack.client, {
  name: 'ec2 faults', entrypoint: 'python3 train.py', environment: { image: process.env['DROVER_TEST_IMAGE'] }, resources: { resource_pool },
  hyperparameters: { steps: 4, every: 2, pause: 0.05 }, searcher: { name: 'single', metric: 'validation_loss' }, max_restarts: 0,
}, { 'train.py': SCRIPT })

const launches = (): Ec2Call[] => stack.sim.calls('RunInstances')
const tokens = (): Set<string> => new Set(launches().map((call) => call.params['ClientToken'] ?? ''))
const settle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

describe.skipIf(missing !== null)('EC2 as it fails', () => {
  beforeAll(async () => {
    stack = await startEc2Stack({ config: CONFIG, cpuSlots: { 'c5.large': 1, 'c5.xlarge': 1 } })
    behind = new EC2Client({ endpoint: stack.motoUrl, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  }, 90_000)
  beforeEach(() => stack.sim.clearCalls())
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${await stack.story()}\n`)
    stack.sim.clearRules()
    stack.sim.settings.hideNewMs = 0
    stack.sim.thawLists()
    stack.launcher.boots = 'ok'
    await stack.untilInstances('running', 0, 60_000)
  }, 90_000)
  afterAll(async () => {
    behind?.destroy()
    await stack?.stop()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  test.each([['names it: it is taken in', 0], ['lags too: the same token again gives the same instance', 15_000]])('the answer to RunInstances is lost, the list %s', async (_what, hideNewMs) => {
    const before = (await stack.instances()).length
    stack.sim.settings.hideNewMs = hideNewMs
    stack.sim.rule({ when: { action: 'RunInstances' }, times: 1, drop: 'after' })
    await ends(stack.client, await train('default'), 'COMPLETED')
    const made = (await stack.instances()).slice(before).map((one) => one.id)
    expect(made).toHaveLength(1)
    expect(tokens().size).toBe(1)
    expect(launches()[0]).toMatchObject({ lost: 'after', instances: made })
    if (hideNewMs > 0) expect(launches()[1]).toMatchObject({ lost: null, outcome: 'ok', instances: made })
  }, 120_000)

  test('EC2 throttles, then fails, then breaks the connection: the same token until it answers', async () => {
    const before = (await stack.instances()).length
    stack.sim.rule({ when: { action: 'RunInstances' }, times: 2, error: 'RequestLimitExceeded' })
    stack.sim.rule({ when: { action: 'RunInstances' }, times: 1, error: 'InternalError' })
    stack.sim.rule({ when: { action: 'RunInstances' }, times: 1, drop: 'before' })
    await ends(stack.client, await train('default'), 'COMPLETED')
    expect(launches().map((call) => call.outcome)).toEqual(['RequestLimitExceeded', 'RequestLimitExceeded', 'InternalError', 'lost', 'ok'])
    expect(tokens().size).toBe(1)
    expect((await stack.instances()).length - before).toBe(1)
  }, 120_000)

  test('no capacity for the first type: each zone is asked once, then the next type is taken', async () => {
    for (const zone of ['us-east-1a', 'us-east-1b']) stack.sim.capacity('c5.xlarge', zone, 'on-demand', 0)
    await ends(stack.client, await train('two-types'), 'COMPLETED')
    const asked = launches().map((call) => `${call.type} ${call.zone} ${call.outcome}`)
    expect(asked.slice(0, -1).toSorted()).toEqual(['c5.xlarge us-east-1a InsufficientInstanceCapacity', 'c5.xlarge us-east-1b InsufficientInstanceCapacity'])
    expect(asked.at(-1)).toMatch(/^c5\.large us-east-1[ab] ok$/)
    expect(tokens().size).toBe(3)
    const times = launches().map((call) => call.at)
    for (const [i, at] of times.slice(1).entries()) expect(at - (times[i] ?? 0)).toBeGreaterThan(400)
    expect((await stack.events()).some((event) => event.text.includes('InsufficientInstanceCapacity') && event.text.includes('c5.xlarge'))).toBe(true)
  }, 120_000)

  test('lists lag behind a launch: it is not ended, and not launched again', async () => {
    stack.sim.settings.hideNewMs = 8_000
    await stack.sim.freezeLists()
    const before = (await stack.instances()).length
    await ends(stack.client, await train('default'), 'COMPLETED')
    expect(launches().map((call) => call.outcome)).toEqual(['ok'])
    expect((await stack.instances()).length - before).toBe(1)
    stack.sim.thawLists()
    stack.sim.emptyLists(3)
    await settle(1_000)
  }, 120_000)

  test('an instance with this cluster\'s tag and no launch is found and ended; a stranger is left alone', async () => {
    await ends(stack.client, await train('default'), 'COMPLETED')
    const cluster = (await stack.instances()).at(-1)?.tags['drover:cluster'] ?? ''
    expect(cluster).not.toBe('')
    const run = async (Tags: Tag[]): Promise<string> =>
      (await behind.send(new RunInstancesCommand({ ImageId: IMAGE, InstanceType: 'c5.large', MinCount: 1, MaxCount: 1, TagSpecifications: [{ ResourceType: 'instance', Tags }] }))).Instances?.[0]?.InstanceId ?? ''
    stack.launcher.boots = 'never-registers'
    const orphan = await run([{ Key: 'drover:cluster', Value: cluster }])
    const stranger = await run([{ Key: 'drover:cluster', Value: 'another' }])
    const stateOf = async (id: string): Promise<string> => (await stack.instances()).find((one) => one.id === id)?.state ?? 'none'
    await until('the orphan is ended', 30_000, async () => (await stateOf(orphan)) === 'terminated', 200)
    await settle(5_000)
    expect(await stateOf(stranger)).toBe('running')
    expect((await stack.events()).some((event) => event.text.includes(orphan))).toBe(true)
    await stack.sim.powerOff(stranger)
  }, 120_000)

  test('a boot that never registers is ended with its console kept, and the work gets another instance', async () => {
    stack.launcher.boots = 'never-registers'
    const experiment = await train('slow-boot')
    const [first] = await stack.untilInstances('running', 1, 30_000)
    await until('its machine is up', 10_000, async () => stack.launcher.up().includes(first?.id ?? ''))
    stack.launcher.boots = 'ok'
    await until('it is ended', 30_000, async () => stack.sim.calls('TerminateInstances').some((call) => call.instances.includes(first?.id ?? '')), 200)
    expect(stack.sim.calls('GetConsoleOutput').map((call) => call.params['InstanceId'])).toContain(first?.id)
    await ends(stack.client, experiment, 'COMPLETED')
    expect(launches()).toHaveLength(2)
    expect(tokens().size).toBe(2)
  }, 120_000)

  test('the master dies while EC2 works on a launch: the next life takes the instance in', async () => {
    const before = (await stack.instances()).length
    stack.sim.rule({ when: { action: 'RunInstances' }, times: 1, delayMs: 1_000, drop: 'after' })
    const experiment = await train('default')
    await until('EC2 is asked', 30_000, async () => launches().length === 1)
    await stack.master.kill('SIGKILL')
    await stack.master.start()
    await ends(stack.client, experiment, 'COMPLETED')
    expect(tokens().size).toBe(1)
    expect((await stack.instances()).length - before).toBe(1)
  }, 120_000)
})
