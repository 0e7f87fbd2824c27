import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ends } from '../rig/client.ts'
import { startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import type { Ec2Call } from '../rig/ec2sim/recorder.ts'
import { until } from '../rig/processes.ts'
import { alarms, drover, nothingToDrillWith, pool, settle, train } from './drill.ts'

const CALL_MS = 500
/** so many that one of them is always free to be asked for: the period between two calls alone keeps the master quiet */
const TYPES = ['c5.large', 'c5.xlarge', 'm5.large', 'm5.xlarge', 'r5.large']
let stack: Ec2Stack

const launches = (): Ec2Call[] => stack.sim.calls('RunInstances')
const short = (pool: string): Promise<number> => train(stack.client, { pool, steps: 2, every: 2, pause: 0.05 })
interface Told { note: string; cure: string; paused: { reason: string } | null; strikes: number; dry: { code: string; text: string; kind: string }[] }
const told = async (name: string): Promise<Told> => (await stack.client.get<{ pool: Told }>(`/api/v1/drover/pools/${name}`)).pool

/** F33, F34, F36: what EC2 refuses is told apart, told at once and costs few calls. */
describe.skipIf(nothingToDrillWith())('EC2 refuses', () => {
  beforeAll(async () => {
    stack = await startEc2Stack({
      config: {
        resource_pools: [
          pool('many', { instance_type: undefined, instance_types: TYPES, availability_zones: ['us-east-1a'] }),
          pool('default'), pool('spot', { market: 'spot', spot_max_price: 0.001 }), pool('fallback', { market: 'spot-then-on-demand', availability_zones: ['us-east-1a', 'us-east-1b'] }), pool('broken-boot', { max_agent_starting_period: '3s' }),
        ],
        herd: { ec2_list_period: '1s', launch_call_period: `${CALL_MS}ms`, dry_period: '4s' },
      },
      cpuSlots: Object.fromEntries(TYPES.map((type) => [type, 1])),
    })
  }, 90_000)
  beforeEach(() => stack.sim.clearCalls())
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${await stack.story()}\n`)
    stack.sim.clearRules()
    stack.launcher.boots = 'ok'
    await stack.untilInstances('running', 0, 60_000)
  }, 90_000)
  afterAll(async () => {
    await stack?.stop()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  test.each([
    { kind: 'capacity', code: 'InsufficientInstanceCapacity', name: 'default', text: 'sufficient c5.large capacity', cure: /nothing needs to be done: other offers are tried/ },
    { kind: 'quota', code: 'VcpuLimitExceeded', name: 'default', text: 'current vCPU limit of 32', cure: /ask AWS for more vCPUs: Service Quotas/ },
    { kind: 'quota', code: 'MaxSpotInstanceCountExceeded', name: 'spot', text: 'Max spot instance count exceeded', cure: /ask AWS for more spot vCPUs/ },
    { kind: 'price', code: 'SpotMaxPriceTooLow', name: 'spot', text: 'lower than the minimum required Spot request', cure: /raise spot_max_price/ },
    { kind: 'permission', code: 'UnauthorizedOperation', name: 'default', text: 'not authorized to perform: ec2:RunInstances', cure: /give the master's role the permission/ },
    { kind: 'parameters', code: 'InvalidParameterValue', name: 'default', text: "Invalid value 'c5.large'", cure: /correct what EC2 names in the pool's provider/ },
  ])('$kind, $code: the pool, the API and drover why say code, words, what was tried, what comes next and what to do', async ({ kind, code, name, text, cure }) => {
    stack.sim.rule({ when: { action: 'RunInstances' }, error: code })
    const experiment = await short(name)
    await until(`the pool's note names ${code}`, 15_000, async () => (await told(name)).note.includes(code), 50)
    const { note, cure: toDo, dry } = await told(name)
    expect(note).toMatch(new RegExp(`^1 allocation waits, 1 slot in all; .*EC2 refused c5\\.large in .*\\(${code}\\).*, tried again from \\d\\d:\\d\\d:\\d\\d UTC`))
    expect(toDo).toMatch(cure)
    expect(dry[0]).toMatchObject({ kind, code })
    const api = await stack.client.get<{ launches: { type: string; zone: string; error: { kind: string; code: string; text: string; cure: string } | null }[] }>(`/api/v1/drover/why/experiments/${experiment}`)
    expect(api.launches.find((launch) => launch.error?.code === code)?.error).toMatchObject({ kind, text: expect.stringContaining(text), cure: expect.stringMatching(cure) })
    const shown = await drover(stack, 'why', String(experiment))
    expect(shown).toContain(code)
    expect(shown).toContain(text)
    expect(shown).toMatch(/asked EC2 at .*: 1 x c5\.large us-east-1/)
    expect(shown).toMatch(/tried again from|left alone until|next is/)
    expect(shown).toMatch(cure)
    await stack.client.post(`/api/v1/experiments/${experiment}/kill`)
    await drover(stack, 'pool', 'resume', name)
  }, 60_000)

  test('throttling, RequestLimitExceeded: told, asked again with the same token, and no other offer is taken for it', async () => {
    stack.sim.rule({ when: { action: 'RunInstances' }, error: 'RequestLimitExceeded' })
    const experiment = await short('default')
    await until("the pool's note names it", 15_000, async () => (await told('default')).note.includes('RequestLimitExceeded'), 50)
    expect((await told('default')).note).toMatch(/EC2 is asked for 1 x c5\.large in us-east-1a, on-demand \(it answered RequestLimitExceeded/)
    await until('EC2 is asked again', 15_000, async () => launches().length > 2, 100)
    expect(await drover(stack, 'why', String(experiment))).toMatch(/RequestLimitExceeded: Request limit exceeded/)
    const asked = launches()
    expect(new Set(asked.map((call) => call.params['ClientToken'])).size).toBe(1)
    paced(asked)
    stack.sim.clearRules()
    await ends(stack.client, experiment, 'COMPLETED')
    expect((await told('default')).note).toBe('')
  }, 60_000)

  test('a quota that lasts costs no more than one call a period, and work goes on by itself when it is raised', async () => {
    stack.sim.rule({ when: { action: 'RunInstances' }, error: 'VcpuLimitExceeded' })
    const experiments = await Promise.all([short('many'), short('many'), short('many')])
    const from = Date.now()
    await settle(20_000)
    const asked = launches()
    expect(asked.length).toBeGreaterThan(5)
    expect(asked.length).toBeLessThanOrEqual((Date.now() - from) / CALL_MS + 1)
    paced(asked)
    stack.sim.clearRules()
    for (const experiment of experiments) await ends(stack.client, experiment, 'COMPLETED')
  }, 120_000)

  test('no spot capacity in any zone: the same type on demand', async () => {
    for (const zone of ['a', 'b']) stack.sim.capacity('c5.large', `us-east-1${zone}`, 'spot', 0)
    await ends(stack.client, await short('fallback'), 'COMPLETED', 60_000)
    const asked = launches().map((call) => `${call.market} ${call.outcome}`)
    expect(asked.slice(0, -1)).toEqual(asked.slice(0, -1).map(() => 'spot InsufficientInstanceCapacity'))
    expect(new Set(launches().slice(0, -1).map((call) => call.zone)).size).toBe(asked.length - 1)
    expect(asked.at(-1)).toBe('on-demand ok')
    paced(launches())
  }, 90_000)

  test('three boots without a word pause the pool with an alarm; drover pool resume lets it go on', async () => {
    stack.launcher.boots = 'never-registers'
    const experiment = await short('broken-boot')
    await until('the pool is paused', 90_000, async () => (await told('broken-boot')).paused !== null, 200)
    expect(launches()).toHaveLength(3)
    const [alarm, ...others] = await alarms(stack.client)
    expect(others).toEqual([])
    expect(alarm).toMatchObject({ key: 'pool-paused:broken-boot', cure: expect.stringContaining('drover pool resume broken-boot') })
    const why = await drover(stack, 'why', String(experiment))
    expect(why).toMatch(/the pool is paused/)
    expect(why).toContain('drover pool resume broken-boot')
    for (const id of launches().flatMap((call) => call.instances)) expect((await stack.client.get<{ console: string }>(`/api/v1/drover/instances/${id}`)).console).toContain('drover-agent.service: not started')
    await settle(5_000)
    expect(launches()).toHaveLength(3)
    await stack.untilInstances('running', 0, 30_000)

    stack.launcher.boots = 'ok'
    await drover(stack, 'pool', 'resume', 'broken-boot')
    expect(await alarms(stack.client)).toEqual([])
    await ends(stack.client, experiment, 'COMPLETED', 60_000)
    expect(launches()).toHaveLength(4)
    expect((await told('broken-boot')).strikes).toBe(0)
  }, 180_000)
})

/** Two calls for a pool are never closer than the period, less what a call takes on its way. */
function paced(calls: readonly Ec2Call[]): void {
  for (const [i, { at }] of calls.slice(1).entries()) expect(at - (calls[i]?.at ?? 0)).toBeGreaterThan(CALL_MS - 150)
}
