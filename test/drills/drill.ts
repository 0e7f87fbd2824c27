import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { logLines, submit, type Client } from '../rig/client.ts'
import { IMAGE, missingEc2Parts, type Ec2Stack } from '../rig/ec2-stack.ts'
import { until } from '../rig/processes.ts'
import { PASSWORD } from '../rig/stack.ts'

/** What every drill needs: a pool, a run, the checkpoints and lines of a run, the CLI as a person uses it. */

const SCRIPT = readFileSync(join(import.meta.dirname, '../flow/training/train.py'))
const CLI = resolve(import.meta.dirname, '../../dist/drover.mjs')

/** Says why nothing is drilled, where a real part is missing. */
export function nothingToDrillWith(): boolean {
  const missing = missingEc2Parts()
  if (missing) process.stderr.write(`drills skipped: ${missing}\n`)
  return missing !== null
}

export function pool(pool_name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const provider = { type: 'aws', region: 'us-east-1', instance_type: 'c5.large', cpu_slots_allowed: true, image_id: IMAGE, max_instances: 4, max_idle_agent_period: '2s', max_agent_starting_period: '60s' }
  return { pool_name, provider: { ...provider, ...more } }
}

export interface Run {
  pool?: string
  steps: number
  every: number
  /** seconds between two steps */
  pause: number
  /** default 1 */
  slots?: number
}

/** Without a restart: whatever goes wrong in a drill must cost the user none. */
export function train(client: Client, { pool: resource_pool = 'default', slots = 1, ...hyperparameters }: Run): Promise<number> {
  return submit(client, {
    name: 'drill', entrypoint: 'python3 train.py', environment: { image: process.env['DROVER_TEST_IMAGE'] }, resources: { resource_pool, slots_per_trial: slots }, hyperparameters,
    searcher: { name: 'single', metric: 'validation_loss' }, max_restarts: 0,
  }, { 'train.py': SCRIPT })
}

export interface Checkpoint {
  uuid: string
  state: string
  drover: { allocationId: string }
  metadata: { steps_completed: number }
}

/** In the order of their steps. */
export async function committed(client: Client, experiment: number): Promise<Checkpoint[]> {
  const { checkpoints } = await client.get<{ checkpoints: Checkpoint[] }>(`/api/v1/experiments/${experiment}/checkpoints?limit=1000`)
  return checkpoints.filter((one) => one.state === 'STATE_COMPLETED').toSorted((a, b) => a.metadata.steps_completed - b.metadata.steps_completed)
}

export const stepsOf = (checkpoints: readonly Checkpoint[]): number[] => checkpoints.map((one) => one.metadata.steps_completed)

/** `line 5 of attempt trial-1.1` -> [5, 'trial-1.1'], in the order of the log. */
export async function steps(client: Client, experiment: number): Promise<[step: number, attempt: string][]> {
  return (await logLines(client, experiment)).flatMap((line) => {
    const [, step, attempt = ''] = /^line (\d+) of attempt (\S+)/.exec(line) ?? []
    return step === undefined ? [] : [[Number(step), attempt]]
  })
}

export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1)

/** The instance that the experiment runs on, once it has printed a line. */
export async function trainsOn(stack: Ec2Stack, experiment: number, ms = 60_000): Promise<string> {
  await until(`experiment ${experiment} trains`, ms, async () => (await steps(stack.client, experiment)).length > 0, 200)
  const { trials } = await stack.client.get<{ trials: { drover: { allocation: { agents: string[] } | null } }[] }>(`/api/v1/experiments/${experiment}/trials`)
  return trials[0]?.drover.allocation?.agents[0] ?? ''
}

/** Its containers that run, by their whole ids. */
export function running(stack: Ec2Stack, experiment: number): string[] {
  return stack.docker('ps', '-q', '--no-trunc', '--filter', `label=drover.cluster=${stack.clusterId}`, '--filter', `label=drover.experiment=${experiment}`).split('\n').filter((line) => line !== '')
}

/** Status of each agent, as people see it. */
export async function agents(client: Client): Promise<Map<string, string>> {
  const { agents: all } = await client.get<{ agents: { id: string; drover: { status: string } }[] }>('/api/v1/agents')
  return new Map(all.map((agent) => [agent.id, agent.drover.status]))
}

export interface Alarm { key: string; text: string; cure: string }

export async function alarms(client: Client): Promise<Alarm[]> {
  return (await client.get<{ alarms: Alarm[] }>('/api/v1/drover/alarms')).alarms
}

/** The built program, as a person runs it at a shell; throws where it does not exit 0. */
export async function drover(stack: Ec2Stack, ...args: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: stack.dir, XDG_CONFIG_HOME: stack.dir, DROVER_MASTER: stack.url, DROVER_USER: 'admin', DROVER_PASS: PASSWORD }
  return (await promisify(execFile)(process.execPath, [CLI, ...args], { env, timeout: 30_000 })).stdout
}

export const settle = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms))
