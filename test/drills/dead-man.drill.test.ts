import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, onlyTrial } from '../rig/client.ts'
import { startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import { until } from '../rig/processes.ts'
import { expectedWeights } from '../flow/training/expected-weights.ts'
import { agents, nothingToDrillWith, pool, running, settle, train, trainsOn } from './drill.ts'

const DEADMAN_MS = 9_000
const STEPS = 200
let stack: Ec2Stack

/** F37: no machine runs up a bill because everybody who could end it is gone. */
describe.skipIf(nothingToDrillWith())('the dead-man switch', () => {
  beforeAll(async () => {
    stack = await startEc2Stack({
      config: { resource_pools: [pool('default', { min_instances: 2 })], herd: { ec2_list_period: '2s', launch_call_period: '500ms' } },
      cpuSlots: { 'c5.large': 1 }, agentEnv: { DROVER_DEADMAN_MINUTES: String(DEADMAN_MS / 60_000) },
    })
  }, 90_000)
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail' && stack.master.running()) process.stderr.write(`${await stack.story()}\n`)
  })
  afterAll(async () => {
    await stack?.stop()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  test('master and NATS are gone: the idle instance switches itself off, the one with a live container stays and ends its work', async () => {
    await until('two agents are kept warm', 60_000, async () => [...(await agents(stack.client)).values()].filter((status) => status === 'ok').length === 2, 200)
    const experiment = await train(stack.client, { steps: STEPS, every: 50, pause: 0.2 })
    const busy = await trainsOn(stack, experiment)
    const idle = (await stack.instances('running')).map((one) => one.id).find((id) => id !== busy) ?? ''
    await Promise.all([stack.nats.kill('SIGKILL'), stack.master.kill('SIGKILL')])
    const from = Date.now()
    await until('the idle instance has switched itself off', 3 * DEADMAN_MS, async () => (await stack.instances()).find((one) => one.id === idle)?.state === 'terminated', 100)
    expect(Date.now() - from).toBeGreaterThan(DEADMAN_MS - 5_000)
    expect((await stack.instances()).find((one) => one.id === idle)?.stateReason).toContain('InstanceInitiatedShutdown')
    expect(stack.sim.calls('TerminateInstances')).toEqual([])
    await settle(DEADMAN_MS)
    expect((await stack.instances('running')).map((one) => one.id)).toEqual([busy])
    expect(running(stack, experiment)).toHaveLength(1)

    await stack.nats.start()
    await stack.master.start()
    await ends(stack.client, experiment, 'COMPLETED')
    expect((await onlyTrial(stack.client, experiment)).restarts).toBe(0)
    expect(await logLines(stack.client, experiment)).toContain(`weights ${expectedWeights(STEPS)}`)
    await stack.untilInstances('running', 2, 60_000)
  }, 240_000)
})
