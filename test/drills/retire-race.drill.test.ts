import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ends, onlyTrial } from '../rig/client.ts'
import { startEc2Stack, type DroverEvent, type Ec2Stack } from '../rig/ec2-stack.ts'
import { nothingToDrillWith, pool, settle, train } from './drill.ts'

const IDLE_MS = 1_000
const RACE_MS = 60_000
/** from the limit to RETIRING, and from there to TerminateInstances, on a busy machine */
const LATE_MS = 2_500
const LANES = 2
let stack: Ec2Stack

/** The same moments at each run of the drill. */
function drawFrom(seed: number): () => number {
  let state = seed
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
}

/** I8: work that comes at the moment at which an idle instance is retired. */
describe.skipIf(nothingToDrillWith())('the retire race', () => {
  beforeAll(async () => {
    stack = await startEc2Stack({
      config: { resource_pools: [pool('default', { max_idle_agent_period: `${IDLE_MS / 1_000}s` })], herd: { ec2_list_period: '1s', launch_call_period: '100ms' } },
      cpuSlots: { 'c5.large': 1 },
    })
    Object.assign(stack.sim.settings, { pendingMs: 100, shuttingDownMs: 100 })
  }, 90_000)
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${await stack.story()}\n`)
  })
  afterAll(async () => {
    await stack?.stop()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  test('work that comes around the idle limit loses no attempt, and no instance lives past its limit', async () => {
    const until = Date.now() + RACE_MS
    const lane = async (seed: number): Promise<number[]> => {
      const draw = drawFrom(seed)
      const done: number[] = []
      while (Date.now() < until) {
        const experiment = await train(stack.client, { steps: 1, every: 1, pause: 0 })
        await ends(stack.client, experiment, 'COMPLETED', 60_000)
        done.push(experiment)
        await settle(IDLE_MS * (0.7 + 0.8 * draw()))
      }
      return done
    }
    const experiments = (await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i + 1)))).flat()
    await stack.untilInstances('running', 0, 30_000)

    expect(experiments.length).toBeGreaterThan(8)
    for (const experiment of experiments) expect((await onlyTrial(stack.client, experiment)).restarts).toBe(0)
    const events = await stack.events()
    const of = (kind: string): DroverEvent[] => events.filter((event) => event.kind === kind)
    // one attempt a run, and none of them lost
    expect(of('allocation-created')).toHaveLength(experiments.length)
    expect(of('allocation-sealed')).toHaveLength(experiments.length)
    expect([...of('allocation-lost'), ...of('agent-lost')]).toEqual([])
    const retired = of('instance-retiring')
    expect(retired.length).toBeGreaterThan(2)
    for (const retiring of retired) endsInTime(events, retiring)
  }, 240_000)

  function endsInTime(events: readonly DroverEvent[], { instanceId, time }: DroverEvent): void {
    const mine = new Set(events.filter((event) => event.kind === 'allocation-exit' && event.agentId === instanceId).map((event) => event.allocationId))
    const idleFrom = events.filter((event) => (event.kind === 'instance-ready' && event.instanceId === instanceId) || (event.kind === 'allocation-sealed' && mine.has(event.allocationId)))
      .map((event) => Date.parse(event.time)).filter((at) => at <= Date.parse(time)).at(-1) ?? 0
    const idle = Date.parse(time) - idleFrom
    expect(idle, `${instanceId} was retired ${idle} ms after its last work`).toBeGreaterThanOrEqual(IDLE_MS - 10)
    expect(idle, `${instanceId} was retired ${idle} ms after its last work`).toBeLessThan(IDLE_MS + LATE_MS)
    const asked = stack.sim.calls('TerminateInstances').find((call) => call.instances.includes(instanceId ?? ''))?.at ?? Infinity
    expect(asked - Date.parse(time), `${instanceId} from RETIRING to TerminateInstances`).toBeLessThan(LATE_MS)
  }
})
