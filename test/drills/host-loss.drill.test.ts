import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clientWith, ends, logLines, onlyTrial } from '../rig/client.ts'
import { startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import { until } from '../rig/processes.ts'
import { expectedWeights } from '../flow/training/expected-weights.ts'
import { committed, nothingToDrillWith, pool, running, settle, steps, stepsOf, train, trainsOn } from './drill.ts'

const LOST_MS = 12_000
const EVERY = 10
let stack: Ec2Stack

/** A checkpoint each two seconds. */
const run = (length: number): Promise<number> => train(stack.client, { steps: length, every: EVERY, pause: 0.2 })
const manifests = async (): Promise<number> => (await stack.objects()).filter((key) => key.endsWith('manifest.json')).length
const eventsOf = async (experiment: number, kind: string): Promise<string[]> =>
  (await stack.events({ experimentId: String(experiment), kind })).map((event) => event.text)

/** Cut off from NATS alone it trains on and uploads: gives how many checkpoints are committed, once two more lie in the bucket unreported. */
async function uploadsInSilence(experiment: number, id: string): Promise<number> {
  await until('a checkpoint is committed', 60_000, async () => (await committed(stack.client, experiment)).length > 0)
  stack.natsLine.cut(id, 'blackhole')
  await settle(500)
  const known = (await committed(stack.client, experiment)).length
  const there = await manifests()
  await until('two more checkpoints are uploaded', 30_000, async () => (await manifests()) >= there + 2, 100)
  expect(await committed(stack.client, experiment)).toHaveLength(known)
  return known
}

/** F3: what the host uploaded and never reported is where the run goes on. F10: the host that comes back after it was given up. */
describe.skipIf(nothingToDrillWith())('a host is lost with what it had uploaded and not reported', () => {
  beforeAll(async () => {
    stack = await startEc2Stack({
      config: { resource_pools: [pool('default')], herd: { ec2_list_period: '2s', launch_call_period: '500ms', agent_lost_after: `${LOST_MS / 1_000}s` } },
      cpuSlots: { 'c5.large': 1 },
    })
  }, 90_000)
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${await stack.story()}\n`)
    stack.sim.clearRules()
    await stack.untilInstances('running', 0, 90_000)
  }, 100_000)
  afterAll(async () => {
    await stack?.stop()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  async function adopted(experiment: number, known: number): Promise<number> {
    await until('it goes on elsewhere', 60_000, async () => (await logLines(stack.client, experiment)).some((line) => line.startsWith('resumed at step')), 200)
    const line = (await logLines(stack.client, experiment)).find((one) => one.startsWith('resumed at step')) ?? ''
    const resumedAt = Number(/\d+$/.exec(line)?.[0])
    expect(resumedAt).toBeGreaterThanOrEqual((known + 2) * EVERY)
    expect(resumedAt % EVERY).toBe(0)
    expect(await eventsOf(experiment, 'allocation-adopted')).toHaveLength(1)
    return resumedAt
  }

  async function endsWhole(experiment: number, length: number, resumedAt: number): Promise<void> {
    await ends(stack.client, experiment, 'COMPLETED', 120_000)
    const trial = await onlyTrial(stack.client, experiment)
    expect(trial.restarts).toBe(0)
    expect(await logLines(stack.client, experiment)).toContain(`weights ${expectedWeights(length)}`)
    // nothing of the first attempt is committed past the checkpoint that the second began with
    const all = await committed(stack.client, experiment)
    expect(stepsOf(all)).toEqual(Array.from({ length: length / EVERY }, (_, i) => (i + 1) * EVERY))
    for (const one of all) expect(one.drover.allocationId, `checkpoint of step ${one.metadata.steps_completed}`).toBe(`trial-${trial.id}.${one.metadata.steps_completed <= resumedAt ? 1 : 2}`)
    const second = (await steps(stack.client, experiment)).filter(([, attempt]) => attempt.endsWith('.2'))
    expect(second.map(([step]) => step)).toEqual(Array.from({ length: length - resumedAt }, (_, i) => resumedAt + 1 + i))
  }

  test('its power fails: the newest checkpoint in the bucket is adopted, the weights are those of a run without a fault', async () => {
    const experiment = await run(120)
    const id = await trainsOn(stack, experiment)
    const known = await uploadsInSilence(experiment, id)
    await stack.launcher.loseHost(id)
    await endsWhole(experiment, 120, await adopted(experiment, known))
  }, 240_000)

  test('it was only cut off and comes back after its epoch is sealed: refused everywhere, stopped, without effect', async () => {
    const experiment = await run(320)
    const id = await trainsOn(stack, experiment)
    const [zombie = ''] = running(stack, experiment)
    const token = /^DET_SESSION_TOKEN=(.+)$/m.exec(stack.docker('inspect', '-f', '{{range .Config.Env}}{{println .}}{{end}}', zombie))?.[1] ?? ''
    const asContainer = clientWith(stack.url, token)
    const trial = await onlyTrial(stack.client, experiment)
    expect((await asContainer.raw(`/api/v1/trials/${trial.id}`)).status).toBe(200)
    const known = await uploadsInSilence(experiment, id)
    // EC2 does not do what it is told: the machine lives on, and its container trains on
    stack.sim.rule({ when: { action: 'TerminateInstances' }, error: 'InternalError' })
    const resumedAt = await adopted(experiment, known)
    expect(running(stack, experiment)).toContain(zombie)
    expect((await stack.instances('running')).map((one) => one.id)).toContain(id)
    expect((await asContainer.raw(`/api/v1/trials/${trial.id}`)).status).toBe(401)
    expect((await eventsOf(experiment, 'allocation-sealed'))).toHaveLength(1)

    stack.natsLine.cut(id, 'pass')
    await until('the container of the old epoch is stopped', 45_000, async () => !running(stack, experiment).includes(zombie), 200)
    expect((await stack.instances('running')).map((one) => one.id)).toContain(id)
    const late = (await steps(stack.client, experiment)).filter(([, attempt]) => attempt.endsWith('.1'))
    stack.sim.clearRules()
    await endsWhole(experiment, 320, resumedAt)
    expect((await steps(stack.client, experiment)).filter(([, attempt]) => attempt.endsWith('.1'))).toEqual(late)
    await until('its instance is ended', 60_000, async () => (await stack.instances()).find((one) => one.id === id)?.state === 'terminated', 200)
  }, 240_000)
})
