import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EC2Client, RunInstancesCommand, TerminateInstancesCommand } from '@aws-sdk/client-ec2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ends, logLines, submit } from '../rig/client.ts'
import { IMAGE, missingEc2Parts, startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import { until } from '../rig/processes.ts'

const missing = missingEc2Parts()
if (missing) process.stderr.write(`EC2 rig tests skipped: ${missing}\n`)

const SCRIPT = readFileSync(join(import.meta.dirname, 'training/train.py'))
let stack: Ec2Stack
let ec2: EC2Client

/** As the master would launch it. */
async function launch(): Promise<string> {
  const text = `#drover\nDROVER_MASTER_URL=${stack.agentUrl}\nDROVER_JOIN_TOKEN=${stack.joinToken}\nDROVER_POOL=default\n`
  const made = await ec2.send(new RunInstancesCommand({
    ImageId: IMAGE, InstanceType: 'c5.large', MinCount: 1, MaxCount: 1, UserData: Buffer.from(text).toString('base64'), InstanceInitiatedShutdownBehavior: 'terminate',
  }))
  return made.Instances?.[0]?.InstanceId ?? ''
}

const agents = async (): Promise<string[]> => (await stack.client.get<{ agents: { id: string }[] }>('/api/v1/agents')).agents.map((agent) => agent.id)
const registers = (id: string): Promise<void> => until(`the agent of ${id} registers`, 30_000, async () => (await agents()).includes(id))
const isUp = (id: string): Promise<void> => until(`${id} is up`, 10_000, async () => stack.launcher.up().includes(id))
const isDown = (id: string): Promise<void> => until(`${id} is down`, 10_000, async () => !stack.launcher.up().includes(id))
const terminate = (id: string): Promise<unknown> => ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }))
const train = (hyperparameters: Record<string, number>): Promise<number> => submit(stack.client, {
  name: 'rig', entrypoint: 'python3 train.py', environment: { image: process.env['DROVER_TEST_IMAGE'] }, hyperparameters, searcher: { name: 'single', metric: 'validation_loss' }, max_restarts: 0,
}, { 'train.py': SCRIPT })

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false // ESRCH: it is no more
  }
}

describe.skipIf(missing !== null)('simulated instances with real agents', () => {
  beforeAll(async () => {
    stack = await startEc2Stack({ agentEnv: { DROVER_DEADMAN_MINUTES: '0' } })
    ec2 = new EC2Client({ endpoint: stack.sim.url, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  }, 90_000)
  afterAll(async () => {
    ec2?.destroy()
    await stack?.stop()
    expect(stack?.launcher.troubles ?? []).toEqual([])
  }, 60_000)

  test('an instance boots an agent that trains with the role of its machine; the instance goes in mid-run and takes all with it', async () => {
    const id = await launch()
    await registers(id)
    const pid = stack.launcher.machine(id).pid() ?? 0
    expect(alive(pid)).toBe(true)
    await ends(stack.client, await train({ steps: 4, every: 2, pause: 0.05 }), 'COMPLETED')
    expect((await stack.objects()).filter((key) => key.endsWith('manifest.json'))).toHaveLength(2)

    const experiment = await train({ steps: 1_000, every: 1_000, pause: 0.1 })
    await until('it trains', 30_000, async () => (await logLines(stack.client, experiment)).length > 0)
    const machine = stack.launcher.machine(id)
    expect(await machine.containers()).not.toEqual([])
    await terminate(id)
    await isDown(id)
    await until('no container of it is left', 10_000, async () => (await machine.containers()).length === 0)
    expect(alive(pid)).toBe(false)
    await expect(fetch(machine.imds.url)).rejects.toThrow()
    await stack.client.post(`/api/v1/experiments/${experiment}/kill`)
  }, 120_000)

  test('an agent that dies is started again; one that is frozen comes back; power off ends the instance', async () => {
    const id = await launch()
    await registers(id)
    const machine = stack.launcher.machine(id)
    const first = machine.pid() ?? 0
    machine.killAgent()
    await until('another agent runs', 10_000, async () => machine.pid() !== null && machine.pid() !== first)
    const second = machine.pid() ?? 0
    const state = (): string => / ([A-Z]) /.exec(readFileSync(`/proc/${second}/stat`, 'utf8').replace(/\(.*\)/, ''))?.[1] ?? ''
    stack.launcher.partition(id, true)
    await until('it stands still', 5_000, async () => state() === 'T')
    stack.launcher.partition(id, false)
    await until('it goes on', 5_000, async () => state() !== 'T')
    await stack.sim.powerOff(id)
    await isDown(id)
    expect((await stack.instances()).find((one) => one.id === id)).toMatchObject({ state: 'terminated', stateReason: 'Client.InstanceInitiatedShutdown: Instance initiated shutdown' })
    expect(alive(second)).toBe(false)
  }, 90_000)

  test('a lost host is gone, and EC2 calls it running', async () => {
    const id = await launch()
    await isUp(id)
    const pid = stack.launcher.machine(id).pid() ?? 0
    await stack.launcher.loseHost(id)
    expect(alive(pid)).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(stack.launcher.up()).not.toContain(id)
    expect((await stack.instances('running')).map((one) => one.id)).toEqual([id])
    await terminate(id)
  }, 60_000)

  test('boots that go wrong: no agent at all, or one that fails; the console tells', async () => {
    stack.launcher.boots = 'never-registers'
    const silent = await launch()
    await isUp(silent)
    stack.launcher.boots = 'fails'
    const broken = await launch()
    await isUp(broken)
    stack.launcher.boots = 'ok'
    expect(stack.launcher.machine(silent).pid()).toBeNull()
    await until('the agent has failed', 10_000, async () => stack.launcher.machine(broken).screen().includes('DROVER_CPU_SLOTS "broken"'))
    expect(stack.launcher.machine(silent).screen()).toContain('drover-agent.service: not started')
    expect(await agents()).not.toContain(silent)
    await Promise.all([terminate(silent), terminate(broken)])
    await isDown(broken)
  }, 60_000)

  test('notices reach the metadata service of the instance', async () => {
    const id = await launch()
    await isUp(id)
    const { imds } = stack.launcher.machine(id)
    const token = await (await fetch(`${imds.url}/latest/api/token`, { method: 'PUT', headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' } })).text()
    const told = async (path: string): Promise<number> => (await fetch(`${imds.url}/latest/meta-data/${path}`, { headers: { 'x-aws-ec2-metadata-token': token } })).status
    expect(await told('spot/instance-action')).toBe(404)
    stack.sim.rebalance(id)
    stack.sim.interrupt(id, { noticeMs: 1_000 })
    expect([await told('spot/instance-action'), await told('events/recommendations/rebalance')]).toEqual([200, 200])
    await isDown(id)
    await stack.untilInstances('running', 0, 5_000)
  }, 60_000)
})
