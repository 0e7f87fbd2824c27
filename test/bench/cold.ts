import Docker from 'dockerode'
import { setTimeout as sleep } from 'node:timers/promises'
import { IMAGE, startEc2Stack, type Ec2Stack } from '../rig/ec2-stack.ts'
import { until } from '../rig/processes.ts'
import { median, type Row } from './row.ts'
import { bareStart, watchStarts, type Starts } from './starts.ts'

const RUNS = 6
const IDLE_MS = 2_000
const LIMIT_MS = 500
const CALL_MS = 5_500
const TRAINER = process.env['DROVER_TEST_IMAGE'] ?? ''
const POOL = {
  pool_name: 'default',
  provider: { type: 'aws', region: 'us-east-1', instance_type: 'c5.large', cpu_slots_allowed: true, image_id: IMAGE, max_instances: 2, max_idle_agent_period: `${IDLE_MS / 1_000}s`, max_agent_starting_period: '60s' },
}

/**
 * From nothing to a running container and back to nothing, each time on a new instance. What EC2 (simulated), the agent's
 * own start and a bare create + start of the same image take is left out: the rest is Drover's.
 */
export async function coldRows(): Promise<Row[]> {
  const stack = await startEc2Stack({ config: { resource_pools: [POOL] }, env: { DROVER_LOG_LEVEL: 'warn' } })
  const docker = new Docker({ socketPath: new URL(stack.dockerHost).pathname })
  const starts = await watchStarts(docker)
  try {
    const bare: number[] = []
    for (let run = 0; run < RUNS; run += 1) bare.push(await bareStart(docker, starts, TRAINER))
    await life(stack, starts, median(bare)) // warms the programs up
    const own: number[] = []
    const late: number[] = []
    for (let run = 0; run < RUNS; run += 1) {
      const seen = await life(stack, starts, median(bare))
      own.push(seen.ownMs)
      late.push(seen.lateMs)
    }
    return [
      { name: 'cold: submit to running, less EC2, agent start and container start', unit: 'ms', ours: own, peer: own.map(() => LIMIT_MS), peerName: `the limit of ${LIMIT_MS} ms`, goal: { atMost: 1 } },
      { name: 'idle limit to TerminateInstances', unit: 'ms', ours: late, peer: late.map(() => 1_000), peerName: 'the limit of 1,000 ms', goal: { atMost: 1 } },
    ]
  } finally {
    starts.stop()
    await stack.stop()
  }
}

/** One instance: submitted, launched, registered, run, idle, ended. Times by the wall clock that all of them share. */
async function life(stack: Ec2Stack, starts: Starts, bareMs: number): Promise<{ ownMs: number; lateMs: number }> {
  const calls = stack.sim.calls('RunInstances').length
  const ends = stack.sim.calls('TerminateInstances').length
  const started = starts.next((labels) => labels['drover.agent'] !== undefined)
  // one call of RunInstances for a pool each five seconds: a wait for that is not what is measured
  const rest = (stack.sim.calls('RunInstances').at(-1)?.at ?? 0) + CALL_MS - Date.now()
  if (rest > 0) await sleep(rest)
  const submittedAt = Date.now()
  const config = JSON.stringify({ name: 'cold', entrypoint: ['true'], environment: { image: TRAINER }, searcher: { name: 'single', metric: 'loss' }, max_restarts: 0 })
  const { experiment } = await stack.client.post<{ experiment: { id: number } }>('/api/v1/experiments', { config, activate: true })
  const startedAt = performance.timeOrigin + (await started)
  await until('the run has ended', 60_000, async () => (await stack.client.get<{ experiment: { state: string } }>(`/api/v1/experiments/${experiment.id}`)).experiment.state === 'STATE_COMPLETED', 50)
  await until('the instance is ended', 60_000, async () => stack.sim.calls('TerminateInstances').length > ends, 50)
  const calledAt = stack.sim.calls('RunInstances')[calls]?.at ?? NaN
  const endedAt = stack.sim.calls('TerminateInstances')[ends]?.at ?? NaN
  const events = (await stack.client.get<{ events: { kind: string; time: string }[] }>('/api/v1/drover/events?limit=1000&orderBy=ORDER_BY_DESC')).events
  const at = (kind: string): number => Date.parse(events.find((event) => event.kind === kind)?.time ?? '')
  await until('it is gone', 60_000, async () => (await stack.instances('running', 'pending', 'shutting-down')).length === 0 && stack.launcher.up().length === 0, 100)
  return { ownMs: calledAt - submittedAt + (startedAt - at('agent-connected')) - bareMs, lateMs: endedAt - at('allocation-sealed') - IDLE_MS }
}
