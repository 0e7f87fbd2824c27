import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, submit } from '../rig/client.ts'
import { IMAGE, missingEc2Parts, startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import { until } from '../rig/processes.ts'

const missing = missingEc2Parts()
if (missing) process.stderr.write(`EC2 life tests skipped: ${missing}\n`)

const SCRIPT = readFileSync(join(import.meta.dirname, 'training/train.py'))
const POOL = {
  pool_name: 'default',
  provider: {
    type: 'aws', region: 'us-east-1', instance_type: 'c5.large', cpu_slots_allowed: true, image_id: IMAGE, max_instances: 4, max_idle_agent_period: '3s', max_agent_starting_period: '30s',
  },
}
let stack: Ec2Stack

const train = (hyperparameters: Record<string, number>): Promise<number> => submit(stack.client, {
  name: 'ec2 life', entrypoint: 'python3 train.py', environment: { image: process.env['DROVER_TEST_IMAGE'] }, hyperparameters, searcher: { name: 'single', metric: 'validation_loss' }, max_restarts: 0,
}, { 'train.py': SCRIPT })

interface Checkpoint { state: string; metadata: { steps_completed: number } }

describe.skipIf(missing !== null)('the life of instances', () => {
  beforeAll(async () => {
    stack = await startEc2Stack({ config: { resource_pools: [POOL] } })
    Object.assign(stack.sim.settings, { pendingMs: 500, shuttingDownMs: 500 })
  }, 90_000)
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`${await stack.story()}\n`)
  })
  afterAll(async () => {
    await stack?.stop()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  test('nothing runs; work waits; one instance comes, trains and goes', async () => {
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(stack.sim.calls('RunInstances')).toEqual([])

    const experiment = await train({ steps: 10, every: 5, pause: 0.05 })
    const [instance] = await stack.untilInstances('running', 1, 30_000)
    const id = instance?.id ?? ''
    const machine = await up(id)
    const pid = machine.pid() ?? 0
    await ends(stack.client, experiment, 'COMPLETED')
    const idleFrom = Date.now()
    expect(await logLines(stack.client, experiment)).toContain('line 10 of attempt trial-1.1')

    const launches = stack.sim.calls('RunInstances')
    expect(launches).toHaveLength(1)
    expect(launches[0]).toMatchObject({ outcome: 'ok', instances: [id], type: 'c5.large', market: 'on-demand' })
    const params = launches[0]?.params ?? {}
    expect(params).toMatchObject({
      ImageId: IMAGE, MinCount: '1', MaxCount: '1', 'MetadataOptions.HttpTokens': 'required', 'MetadataOptions.HttpPutResponseHopLimit': '1', InstanceInitiatedShutdownBehavior: 'terminate',
      'BlockDeviceMapping.1.Ebs.VolumeType': 'gp3', 'BlockDeviceMapping.1.Ebs.DeleteOnTermination': 'true',
    })
    expect(params['ClientToken']).toMatch(/^.{1,64}$/)
    expect(Number(params['BlockDeviceMapping.1.Ebs.Throughput'])).toBeGreaterThan(125)
    expect(instance?.tags).toMatchObject({ 'drover:launch': params['ClientToken'], 'drover:pool': 'default' })
    expect(Object.keys(instance?.tags ?? {})).toContain('drover:cluster')
    const userData = await stack.sim.userData(id)
    expect(userData).toMatch(/^#drover\n/)
    expect(userData).toContain(`DROVER_MASTER_URL=${stack.agentUrl}\n`)
    expect(userData).toMatch(/^DROVER_JOIN_TOKEN=.+\.[0-9a-f]{64}$/m)
    expect(userData).not.toContain(stack.joinToken.split('.')[0])

    const { checkpoints } = await stack.client.get<{ checkpoints: Checkpoint[] }>(`/api/v1/experiments/${experiment}/checkpoints`)
    expect(checkpoints.map((one) => [one.state, one.metadata.steps_completed]).toSorted()).toEqual([['STATE_COMPLETED', 10], ['STATE_COMPLETED', 5]].toSorted())
    expect((await stack.objects()).filter((key) => key.endsWith('manifest.json'))).toHaveLength(2)

    await stack.untilInstances('terminated', 1, 30_000)
    await until('its machine is down', 10_000, async () => !stack.launcher.up().includes(id))
    expect(stack.sim.calls('TerminateInstances').map((call) => [call.outcome, call.instances])).toEqual([['ok', [id]]])
    // max_idle_agent_period, less what passed before the end was seen here
    expect((stack.sim.calls('TerminateInstances')[0]?.at ?? 0) - idleFrom).toBeGreaterThan(2_000)
    expect(await machine.containers()).toEqual([])
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    expect(stack.sim.calls('RunInstances')).toHaveLength(1)
    expect((await stack.events()).filter((event) => event.text.includes(id)).length).toBeGreaterThan(2)
  }, 180_000)
})

async function up(id: string): Promise<ReturnType<Ec2Stack['launcher']['machine']>> {
  await until(`the machine of ${id} is up`, 10_000, async () => stack.launcher.up().includes(id))
  return stack.launcher.machine(id)
}
