import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, onlyTrial } from '../rig/client.ts'
import { startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import { until } from '../rig/processes.ts'
import type { LineMode } from '../rig/tcp-proxy.ts'
import { expectedWeights } from '../flow/training/expected-weights.ts'
import { agents, committed, nothingToDrillWith, pool, running, steps, stepsOf, train, trainsOn, upTo } from './drill.ts'

const LOST_MS = 60_000
const NOTICED_MS = 15_000
const SUSPECT_MS = 30_000
const STEPS = 300
let stack: Ec2Stack

/** F10 before LOST: one agent hears and says nothing over NATS; HTTPS and S3 go on. */
describe.skipIf(nothingToDrillWith())('one agent is cut off from NATS', () => {
  beforeAll(async () => {
    stack = await startEc2Stack({
      config: { resource_pools: [pool('default')], herd: { ec2_list_period: '2s', launch_call_period: '500ms', agent_lost_after: `${LOST_MS / 1_000}s` } },
      cpuSlots: { 'c5.large': 2 },
    })
  }, 90_000)
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${await stack.story()}\n`)
    await stack.untilInstances('running', 0, 90_000)
  }, 100_000)
  afterAll(async () => {
    await stack?.stop()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  /** RFC 3339 */
  const heardAt = async (id: string): Promise<number> =>
    Date.parse((await stack.client.get<{ agents: { id: string; drover: { seenAt: string } }[] }>('/api/v1/agents')).agents.find((agent) => agent.id === id)?.drover.seenAt ?? '')
  const saidOf = (id: string): number => readFileSync(stack.launcher.machine(id).logFile, 'utf8').split('\n').filter((line) => line.includes('nats connection changed') && line.includes('disconnect')).length

  test.each<LineMode>(['blackhole', 'reset'])('%s: noticed on both sides, no new work after 30 s, healed before it is lost: nothing lost, nothing doubled, no restart', async (mode) => {
    const experiment = await train(stack.client, { steps: STEPS, every: 20, pause: 0.2 })
    const id = await trainsOn(stack, experiment)
    const [container] = running(stack, experiment)
    const before = saidOf(id)
    const from = Date.now()
    stack.natsLine.cut(id, mode)
    await until('the agent notices', NOTICED_MS, async () => saidOf(id) > before, 100)
    await until('the master shows that it does not hear', NOTICED_MS + from - Date.now(), async () => Date.now() - (await heardAt(id)) > 7_000, 100)
    expect((await agents(stack.client)).get(id)).toBe('ok')
    await until('it is suspect', SUSPECT_MS + 10_000, async () => (await agents(stack.client)).get(id) === 'suspect', 200)
    expect(Date.now() - from).toBeGreaterThan(SUSPECT_MS - 6_000)

    // one of its two slots is free, and the new run goes elsewhere
    const second = await train(stack.client, { steps: 4, every: 2, pause: 0.1 })
    expect(await trainsOn(stack, second)).not.toBe(id)
    expect(Date.now() - from).toBeLessThan(LOST_MS - 6_000)
    stack.natsLine.cut(id, 'pass')
    await until('it is heard again', 20_000, async () => (await agents(stack.client)).get(id) === 'ok', 200)
    expect(running(stack, experiment)).toEqual([container])

    await Promise.all([ends(stack.client, experiment, 'COMPLETED'), ends(stack.client, second, 'COMPLETED')])
    const trial = await onlyTrial(stack.client, experiment)
    expect(trial.restarts).toBe(0)
    expect(await steps(stack.client, experiment)).toEqual(upTo(STEPS).map((step) => [step, `trial-${trial.id}.1`]))
    expect(await logLines(stack.client, experiment)).toContain(`weights ${expectedWeights(STEPS)}`)
    expect(stepsOf(await committed(stack.client, experiment))).toEqual(upTo(STEPS / 20).map((n) => n * 20))
    expect((await stack.events({ kind: 'agent-lost' }))).toEqual([])
  }, 240_000)
})
