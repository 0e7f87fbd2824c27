import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { IMAGE, missingEc2Parts, startEc2Stack, type DroverEvent, type Ec2Stack } from '../rig/ec2-stack.ts'
import { contextOf, stateOf } from '../rig/client.ts'
import { until } from '../rig/processes.ts'
import { PASSWORD } from '../rig/stack.ts'

/**
 * `npm run demo:ec2`: the life of a herd on simulated EC2, with real agents and real training. One experiment: the first
 * choice is out of capacity, a spot instance comes, is taken away in the middle, another one goes on; idle, it is ended.
 */
const REPO = resolve(import.meta.dirname, '../..')
const EXAMPLE = join(REPO, 'images/examples/fashion-mnist')
const ENDED = ['COMPLETED', 'CANCELED', 'ERROR']
const PRICES = { 'us-east-1': { 'c5.large': 0.085, 'c5.xlarge': 0.17 } }
const from = performance.now()

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const told = (who: string, text: string): void => say(`${((performance.now() - from) / 1000).toFixed(1).padStart(6)} s  ${who.padEnd(7)} ${text}`)

async function main(): Promise<number> {
  const missing = missingEc2Parts()
  if (missing) {
    process.stderr.write(`demo:ec2: ${missing}\n`)
    return 1
  }
  const dir = mkdtempSync(join(tmpdir(), 'drover-demo-ec2-'))
  const stack = await startEc2Stack({ config: configOf(dir), cpuSlots: { 'c5.large': 1, 'c5.xlarge': 1 } })
  const stop = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error('stopped')))
  try {
    simulate(stack)
    say(`\nA herd on simulated EC2. WebUI ${stack.url}  user admin, password ${PASSWORD}; nothing runs yet.\n`)
    return await play(stack, stop.signal)
  } catch (error) {
    if (!stop.signal.aborted) throw error
    return 130
  } finally {
    await stack.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

function configOf(dir: string): Record<string, unknown> {
  const prices = join(dir, 'prices.json')
  writeFileSync(prices, JSON.stringify(PRICES))
  const provider = {
    type: 'aws', region: 'us-east-1', instance_types: ['c5.xlarge', 'c5.large'], availability_zones: ['us-east-1a'], market: 'spot-then-on-demand', cpu_slots_allowed: true, image_id: IMAGE,
    max_instances: 2, max_idle_agent_period: '5s', max_agent_starting_period: '60s',
  }
  return { resource_pools: [{ pool_name: 'default', provider }], herd: { price_file: prices } }
}

function simulate({ sim }: Ec2Stack): void {
  Object.assign(sim.settings, { pendingMs: 1_500, shuttingDownMs: 1_000 })
  for (const type of ['c5.xlarge', 'c5.large']) sim.spotPrice({ type, zone: 'us-east-1a', perHour: PRICES['us-east-1'][type === 'c5.large' ? 'c5.large' : 'c5.xlarge'] * 0.4 })
  sim.capacity('c5.xlarge', 'us-east-1a', 'spot', 0)
}

async function play(stack: Ec2Stack, signal: AbortSignal): Promise<number> {
  const telling = tell(stack, signal)
  const config = readFileSync(join(EXAMPLE, 'config.yaml'), 'utf8').replace('epochs: 8', 'epochs: 4')
  const contextTgz = await contextOf({ 'train.py': readFileSync(join(EXAMPLE, 'train.py')) })
  const { experiment } = await stack.client.post<{ experiment: { id: number } }>('/api/v1/experiments', { config, contextTgz, activate: true })
  told('you', `submit images/examples/fashion-mnist as experiment ${experiment.id}`)
  const [first] = await stack.untilInstances('running', 1)
  await until('the first checkpoint is committed', 180_000, async () => committed(stack, experiment.id, signal), 200)
  told('EC2', `a spot notice for ${first?.id ?? ''}: it will be taken in 20 s`)
  stack.sim.interrupt(first?.id ?? '', { noticeMs: 20_000 })
  await until('the experiment ends', 300_000, async () => ENDED.includes(await stateOf(stack.client, experiment.id)), 200)
  told('you', 'wait until nothing is left that costs money')
  await until('every instance is gone', 60_000, async () => (await stack.instances('pending', 'running', 'shutting-down')).length === 0, 200)
  await sleep(1_000)
  telling.stop()
  await telling.ended
  summarise(stack, experiment.id)
  return (await stateOf(stack.client, experiment.id)) === 'COMPLETED' ? 0 : 1
}

async function committed(stack: Ec2Stack, experiment: number, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted()
  const { checkpoints } = await stack.client.get<{ checkpoints: { state: string }[] }>(`/api/v1/experiments/${experiment}/checkpoints`)
  return checkpoints.some(({ state }) => state === 'STATE_COMPLETED')
}

/** Says each event of the master as it comes, with its cause. */
function tell(stack: Ec2Stack, signal: AbortSignal): { stop(): void; ended: Promise<void> } {
  const over = new AbortController()
  let after = 0
  const look = async (): Promise<void> => {
    const events: DroverEvent[] = await stack.events({ after: String(after) })
    for (const event of events) told('drover', event.text.split('\n')[0] ?? '')
    after = events.at(-1)?.id ?? after
  }
  const run = async (): Promise<void> => {
    while (!over.signal.aborted && !signal.aborted) {
      await look()
      await sleep(300)
    }
    if (!signal.aborted) await look()
  }
  return { stop: () => over.abort(), ended: run() }
}

/** What a person would ask afterwards, by the command line itself. */
function summarise(stack: Ec2Stack, experiment: number): void {
  for (const args of [['experiment', 'describe', String(experiment)], ['instance', 'list', '--all'], ['why', String(experiment)]]) {
    say(`\n$ drover ${args.join(' ')}`)
    const env = { PATH: process.env['PATH'], HOME: stack.dir, DROVER_MASTER: stack.url, DROVER_USER: 'admin', DROVER_PASS: PASSWORD }
    say(execFileSync(process.execPath, [join(REPO, 'dist/drover.mjs'), ...args], { env, encoding: 'utf8' }).trimEnd())
  }
}

process.exit(await main())
