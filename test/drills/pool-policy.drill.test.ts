import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ends } from '../rig/client.ts'
import { startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import { until } from '../rig/processes.ts'
import { agents, drover, nothingToDrillWith, pool, settle, train, trainsOn, upTo } from './drill.ts'

const CAP = 3
const BURST = 12
const dir = mkdtempSync(join(tmpdir(), 'drover-drill-'))
let stack: Ec2Stack

const of = async (name: string): Promise<string[]> => (await stack.instances('pending', 'running')).filter((one) => one.tags['drover:pool'] === name).map((one) => one.id)

/** F37 and I7: what a pool's owner allows holds at every moment. */
describe.skipIf(nothingToDrillWith())('what a pool allows', () => {
  beforeAll(async () => {
    writeFileSync(join(dir, 'prices.json'), JSON.stringify({ 'us-east-1': { 'c5.xlarge': 0.17, 'c5.large': 0.085 } }))
    stack = await startEc2Stack({
      config: {
        resource_pools: [
          pool('default', { max_instances: CAP, max_idle_agent_period: '1s' }),
          pool('dear', { instance_type: undefined, instance_types: ['c5.xlarge', 'c5.large'], max_price_per_hour: 0.1, instance_slots: 1 }),
          pool('too-dear', { instance_type: 'c5.xlarge', max_price_per_hour: 0.1 }),
          pool('own', { max_idle_agent_period: '20s', custom_tags: [{ key: 'team', value: 'vision' }, { key: 'cost-centre', value: '42' }], instance_name: 'herd-of-vision', startup_script: 'echo run >> "$HOME/startup-ran"\n' }),
          pool('warm', { min_instances: 2, max_idle_agent_period: '1s' }),
        ],
        herd: { ec2_list_period: '1s', launch_call_period: '300ms', price_file: join(dir, 'prices.json') },
      },
      cpuSlots: { 'c5.large': 1, 'c5.xlarge': 1 },
    })
    Object.assign(stack.sim.settings, { pendingMs: 300, shuttingDownMs: 300 })
  }, 90_000)
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${await stack.story()}\n`)
  })
  afterAll(async () => {
    await stack?.stop()
    rmSync(dir, { recursive: true })
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  test('min_instances are there before any work, outlive the idle limit, and one that goes is replaced', async () => {
    await until('two are warm', 60_000, async () => {
      const warm = await of('warm')
      const status = await agents(stack.client)
      return warm.length === 2 && warm.every((id) => status.get(id) === 'ok')
    }, 200)
    const [first = '', second = ''] = await of('warm')
    const experiment = await train(stack.client, { pool: 'warm', steps: 3, every: 3, pause: 0.1 })
    expect([first, second]).toContain(await trainsOn(stack, experiment, 15_000))
    await ends(stack.client, experiment, 'COMPLETED')
    await settle(4_000)
    expect(await of('warm')).toEqual([first, second])
    await stack.sim.powerOff(first)
    await until('another takes its place', 60_000, async () => (await of('warm')).filter((id) => id !== first).length === 2, 200)
    expect(await of('warm')).toContain(second)
  }, 120_000)

  test(`a burst of ${BURST} runs on at most ${CAP} instances, at every moment`, async () => {
    let most = 0
    const samples: Promise<unknown>[] = []
    const look = async (): Promise<void> => void (most = Math.max(most, (await stack.instances('pending', 'running', 'shutting-down')).filter((one) => one.tags['drover:pool'] === 'default').length))
    const timer = setInterval(() => samples.push(look()), 100)
    try {
      const experiments = await Promise.all(upTo(BURST).map(() => train(stack.client, { steps: 3, every: 3, pause: 0.1 })))
      for (const experiment of experiments) await ends(stack.client, experiment, 'COMPLETED', 150_000)
      await until('all have gone', 30_000, async () => (await of('default')).length === 0, 200)
    } finally {
      clearInterval(timer)
      await Promise.all(samples)
    }
    expect(samples.length).toBeGreaterThan(50)
    expect(most).toBe(CAP)
  }, 240_000)

  test('an offer above max_price_per_hour is left out, and where none is left the pool says so', async () => {
    const before = stack.sim.calls('RunInstances').length
    await ends(stack.client, await train(stack.client, { pool: 'dear', steps: 2, every: 2, pause: 0.05 }), 'COMPLETED')
    expect(stack.sim.calls('RunInstances').slice(before).map((call) => call.type)).toEqual(['c5.large'])
    const experiment = await train(stack.client, { pool: 'too-dear', steps: 2, every: 2, pause: 0.05 })
    const note = async (): Promise<string> => (await stack.client.get<{ pool: { note: string } }>('/api/v1/drover/pools/too-dear')).pool.note
    await until('the pool says why', 15_000, async () => (await note()).includes('too dear'), 100)
    expect(await note()).toContain('c5.xlarge in us-east-1a, on-demand costs $0.1700 an hour, the limit is $0.1')
    expect(await drover(stack, 'why', String(experiment))).toMatch(/too dear: .*raise the limit or wait/)
    expect(await of('too-dear')).toEqual([])
    await stack.client.post(`/api/v1/experiments/${experiment}/kill`)
  }, 90_000)

  test('custom_tags and instance_name are on instance and volume, the startup script has run once before the agent', async () => {
    const experiment = await train(stack.client, { pool: 'own', steps: 2, every: 2, pause: 0.05 })
    const id = await trainsOn(stack, experiment)
    expect((await stack.instances()).find((one) => one.id === id)?.tags).toMatchObject({ team: 'vision', 'cost-centre': '42', Name: 'herd-of-vision', 'drover:pool': 'own' })
    const { params } = stack.sim.calls('RunInstances').find((call) => call.instances.includes(id)) ?? { params: {} as Record<string, string> }
    const tagged = Object.entries(params).filter(([key, value]) => /^TagSpecification\.\d+\.ResourceType$/.test(key) && value !== '').map(([, value]) => value)
    expect(tagged.toSorted()).toEqual(['instance', 'volume'])
    const ran = join(stack.dir, 'instances', id, 'startup-ran')
    expect(readFileSync(ran, 'utf8')).toBe('run\n')
    const machine = stack.launcher.machine(id)
    const pid = machine.pid()
    machine.killAgent()
    await until('the agent is started again', 15_000, async () => machine.pid() !== null && machine.pid() !== pid, 100)
    await ends(stack.client, experiment, 'COMPLETED')
    await settle(2_000)
    expect(readFileSync(ran, 'utf8')).toBe('run\n')
  }, 90_000)
})
