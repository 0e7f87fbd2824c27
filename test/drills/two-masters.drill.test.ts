import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, login, onlyTrial } from '../rig/client.ts'
import { startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import { until } from '../rig/processes.ts'
import { PASSWORD, type AddedMaster } from '../rig/stack.ts'
import { startTcpProxy, type TcpProxy } from '../rig/tcp-proxy.ts'
import { expectedWeights } from '../flow/training/expected-weights.ts'
import { committed, nothingToDrillWith, pool, steps, stepsOf, train, trainsOn, upTo } from './drill.ts'

const NOTICED_MS = 5_000
/** the lease is 5 s */
const STOPPED_MS = 12_000
const STEPS = 100
let stack: Ec2Stack
let second: AddedMaster
let balancer: TcpProxy

/** Lines in which a master says that it does, or does not, decide. */
const said = (logFile: string, words: string): number => readFileSync(logFile, 'utf8').split('\n').filter((line) => line.includes(words)).length

/** F15: two masters on one database, before which agents find one address. */
describe.skipIf(nothingToDrillWith())('two masters', () => {
  beforeAll(async () => {
    balancer = await startTcpProxy({ target: 0 })
    stack = await startEc2Stack({
      config: { resource_pools: [pool('default')], herd: { ec2_list_period: '2s', launch_call_period: '500ms' } },
      cpuSlots: { 'c5.large': 1 }, agentUrl: `https://127.0.0.1:${balancer.port}`,
    })
    balancer.retarget(Number(new URL(stack.agentUrl).port))
    second = await stack.addMaster()
  }, 120_000)
  afterEach(async ({ task }) => {
    await stack.master.kill('SIGCONT')
    if (task.result?.state === 'fail') process.stderr.write(`${await stack.story()}\n`)
  })
  afterAll(async () => {
    await stack?.master.kill('SIGCONT')
    await stack?.stop()
    await balancer?.close()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  test('the leader stands still for longer than its lease while EC2 works on its launch: one decides at a time, nothing is made or done twice', async () => {
    const first = `${stack.dir}/master.log`
    const other = await login(second.url, 'admin', PASSWORD)
    const before = await train(stack.client, { steps: STEPS, every: 10, pause: 0.2 })
    const host = await trainsOn(stack, before)
    expect(said(second.logFile, 'this master decides')).toBe(0)

    // what the leader asked is carried out, and it never hears of it
    stack.sim.rule({ when: { action: 'RunInstances' }, times: 1, delayMs: 1_500 })
    const during = [await train(stack.client, { steps: 20, every: 10, pause: 0.1 })]
    await until('EC2 is asked', 15_000, async () => stack.sim.calls('RunInstances').length === 2, 20)
    await stack.master.kill('SIGSTOP')
    const from = Date.now()
    balancer.retarget(second.agentPort)
    during.push(await train(other, { steps: 20, every: 10, pause: 0.1 }))
    await until('the other master decides', STOPPED_MS, async () => said(second.logFile, 'this master decides') === 1, 50)
    await until('it launches', STOPPED_MS, async () => stack.sim.calls('RunInstances').length >= 3, 50)
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, STOPPED_MS - (Date.now() - from))))

    await stack.master.kill('SIGCONT')
    await until('the old leader notices', NOTICED_MS, async () => said(first, 'another master decides') >= 1, 50)
    const late = await train(stack.client, { steps: 10, every: 5, pause: 0.1 })
    for (const client of [stack.client, other]) {
      for (const experiment of [...during, late]) await ends(client, experiment, 'COMPLETED')
      await ends(client, before, 'COMPLETED')
    }

    for (const [experiment, length] of [[before, STEPS], ...during.map((id) => [id, 20]), [late, 10]] as [number, number][]) {
      const trial = await onlyTrial(other, experiment)
      expect(trial.restarts).toBe(0)
      expect(await steps(other, experiment)).toEqual(upTo(length).map((step) => [step, `trial-${trial.id}.1`]))
      expect(await logLines(other, experiment)).toContain(`weights ${expectedWeights(length)}`)
      expect(new Set(stepsOf(await committed(other, experiment))).size).toBe((await committed(other, experiment)).length)
      for (const kind of ['allocation-created', 'allocation-assigned', 'allocation-sealed', 'trial-created']) expect(await stack.events({ experimentId: String(experiment), kind }), kind).toHaveLength(1)
    }
    // one token an intent, one instance a token, one row an instance
    const made = await stack.instances()
    const tokens = stack.sim.calls('RunInstances').map((call) => call.params['ClientToken'])
    expect(made).toHaveLength(new Set(tokens).size)
    expect(new Set(made.map((one) => one.clientToken)).size).toBe(made.length)
    const { instances } = await other.get<{ instances: { id: string }[] }>('/api/v1/drover/instances?includeGone=true&limit=100')
    expect(instances.map((one) => one.id).toSorted()).toEqual(made.map((one) => one.id).toSorted())
    expect((await stack.events({ kind: 'orphan-seen' }))).toEqual([])
    expect(made.map((one) => one.id)).toContain(host)
    expect(said(first, 'this master decides')).toBe(1)
    await stack.untilInstances('running', 0, 60_000)
  }, 240_000)
})
