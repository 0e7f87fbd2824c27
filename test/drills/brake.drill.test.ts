import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, onlyTrial } from '../rig/client.ts'
import { startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import { until } from '../rig/processes.ts'
import { expectedWeights } from '../flow/training/expected-weights.ts'
import { alarms, agents, drover, nothingToDrillWith, pool, running, settle, steps, train, trainsOn, upTo } from './drill.ts'

const LOST_MS = 10_000
const HOSTS = 3
const STEPS = 260
let stack: Ec2Stack

/** F45: many fall silent at once: the fault is ours, not theirs. */
describe.skipIf(nothingToDrillWith())('the brake', () => {
  beforeAll(async () => {
    stack = await startEc2Stack({
      config: { resource_pools: [pool('default', { min_instances: HOSTS, max_instances: 2 * HOSTS })], herd: { ec2_list_period: '2s', launch_call_period: '500ms', agent_lost_after: `${LOST_MS / 1_000}s` } },
      cpuSlots: { 'c5.large': 1 },
    })
    await until('three agents are there', 60_000, async () => [...(await agents(stack.client)).values()].filter((status) => status === 'ok').length === HOSTS, 200)
  }, 120_000)
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${await stack.story()}\n`)
  })
  afterAll(async () => {
    await stack?.stop()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  interface Herd { experiments: number[]; hosts: string[]; containers: string[] }

  async function works(length: number): Promise<Herd> {
    const experiments = await Promise.all(upTo(HOSTS).map(() => train(stack.client, { steps: length, every: 20, pause: 0.2 })))
    const hosts = await Promise.all(experiments.map((experiment) => trainsOn(stack, experiment)))
    return { experiments, hosts, containers: experiments.flatMap((experiment) => running(stack, experiment)) }
  }

  const printed = (container: string): number => stack.docker('logs', container).split('\n').length

  /** Nobody is given up, nothing is ended, and every run goes on meanwhile. */
  async function holds(herd: Herd, ms: number): Promise<void> {
    const before = herd.containers.map(printed)
    await settle(ms)
    expect(await stack.events({ kind: 'agent-lost' })).toEqual([])
    expect(stack.sim.calls('TerminateInstances')).toEqual([])
    expect((await stack.instances('running')).map((one) => one.id).toSorted()).toEqual(herd.hosts.toSorted())
    for (const [i, container] of herd.containers.entries()) expect(printed(container)).toBeGreaterThan(before[i] ?? 0)
  }

  /** As if nothing had been: every step once, in the first attempt. */
  async function endUntouched({ experiments }: Herd, length: number): Promise<void> {
    for (const experiment of experiments) {
      await ends(stack.client, experiment, 'COMPLETED', 120_000)
      const trial = await onlyTrial(stack.client, experiment)
      expect(trial.restarts).toBe(0)
      expect(await steps(stack.client, experiment)).toEqual(upTo(length).map((step) => [step, `trial-${trial.id}.1`]))
      expect(await logLines(stack.client, experiment)).toContain(`weights ${expectedWeights(length)}`)
    }
    expect(stack.sim.calls('RunInstances').flatMap((call) => call.instances)).toHaveLength(HOSTS)
  }

  test('nats-server is gone for longer than an agent may be silent: nobody is lost, all goes on when it is back', async () => {
    const herd = await works(150)
    await stack.nats.kill('SIGKILL')
    await holds(herd, LOST_MS + 6_000)
    await stack.nats.start()
    await endUntouched(herd, 150)
  }, 240_000)

  test('all agents are cut off: one alarm, nobody is lost; back again, the alarm is over and all ends without a restart', async () => {
    const herd = await works(STEPS)
    const before = (await stack.events({ kind: 'alarm' })).length
    for (const id of herd.hosts) stack.natsLine.cut(id, 'blackhole')
    await until('the brake goes on', LOST_MS, async () => (await alarms(stack.client)).length > 0, 100)
    await holds(herd, LOST_MS + 10_000)
    const standing = await alarms(stack.client)
    expect(standing.map((alarm) => alarm.key)).toEqual(['brake'])
    expect(standing[0]?.text).toMatch(/^3 of 3 agents fell silent within 60 s of each other: nobody is declared lost and no instance is ended/)
    expect(standing[0]?.cure).toContain('drover brake release')
    expect(await drover(stack, 'alarm', 'list')).toContain('brake')
    expect(await stack.events({ kind: 'alarm' })).toHaveLength(before + 1)

    for (const id of herd.hosts) stack.natsLine.cut(id, 'pass')
    await until('the alarm is over', 30_000, async () => (await alarms(stack.client)).every((alarm) => alarm.key !== 'brake'), 200)
    await endUntouched(herd, STEPS)
    await until('no word is left of it', 10_000, async () => (await alarms(stack.client)).length === 0, 200)
  }, 240_000)

  test('they are really gone, and a person says so: drover brake release, and their work goes on elsewhere', async () => {
    const herd = await works(120)
    const [back = '', ...gone] = herd.hosts
    for (const id of herd.hosts) stack.natsLine.cut(id, 'blackhole')
    await until('the brake goes on', LOST_MS, async () => (await alarms(stack.client)).some((alarm) => alarm.key === 'brake'), 100)
    stack.natsLine.cut(back, 'pass')
    await Promise.all(gone.map((id) => stack.launcher.loseHost(id)))
    await settle(LOST_MS)
    expect(stack.sim.calls('TerminateInstances')).toEqual([])
    expect(await drover(stack, 'brake', 'release')).toContain('the brake is released')
    await until('those who are gone are lost', 30_000, async () => (await stack.events({ kind: 'agent-lost' })).length === gone.length, 200)
    expect((await stack.events({ kind: 'agent-lost' })).map((event) => event.agentId).toSorted()).toEqual(gone.toSorted())
    for (const experiment of herd.experiments) {
      await ends(stack.client, experiment, 'COMPLETED', 120_000)
      expect((await onlyTrial(stack.client, experiment)).restarts).toBe(0)
      expect(await logLines(stack.client, experiment)).toContain(`weights ${expectedWeights(120)}`)
    }
    expect(await alarms(stack.client)).toEqual([])
    await expect(drover(stack, 'brake', 'release')).rejects.toThrow('the brake is off')
  }, 240_000)
})
