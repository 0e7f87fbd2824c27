import Docker from 'dockerode'
import { execFileSync } from 'node:child_process'
import { contextOf } from '../rig/client.ts'
import { until } from '../rig/processes.ts'
import type { Stack } from '../rig/stack.ts'
import type { Row } from './row.ts'
import { bareStart, watchStarts, type Starts } from './starts.ts'

const COUNT = 50
const IMAGE = process.env['DROVER_TEST_IMAGE'] ?? ''

/**
 * Submit over HTTP -> container running, on a warm agent, beside bare dockerode create + start of the same image and
 * `docker run -d`. All three are timed to the engine's own `start` event, seen by one observer.
 */
export async function startRows(stack: Stack): Promise<Row[]> {
  const docker = new Docker({ socketPath: new URL(stack.dockerHost).pathname })
  const watch = await watchStarts(docker)
  const context = await contextOf({ 'a.txt': 'a' })
  const ours: number[] = []
  const bare: number[] = []
  const command: number[] = []
  const contenders = [
    async () => void ours.push(await viaDrover(stack, watch, context)),
    async () => void bare.push(await bareStart(docker, watch, IMAGE)),
    async () => void command.push(await viaCommand(stack, watch)),
  ]
  for (let round = 0; round < COUNT; round += 1) for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) await contender()
  watch.stop()
  return [
    { name: 'C1 submit to running, dockerode', unit: 'ms', ours, peer: bare, peerName: 'dockerode create+start', goal: { atMost: 1.05 } },
    { name: 'C1 submit to running, docker run', unit: 'ms', ours, peer: command, peerName: 'docker run -d', goal: { atMost: 0.9 } },
  ]
}

async function viaDrover(stack: Stack, watch: Starts, contextTgz: string): Promise<number> {
  const config = JSON.stringify({ name: 'bench', entrypoint: ['true'], environment: { image: IMAGE }, searcher: { name: 'single', metric: 'loss' }, max_restarts: 0 })
  const started = watch.next((labels) => labels['drover.agent'] !== undefined)
  const from = performance.now()
  const { experiment } = await stack.client.post<{ experiment: { id: number } }>('/api/v1/experiments', { config, contextTgz, activate: true })
  const took = (await started) - from
  await until('the run has ended', 60_000, async () => (await stack.client.get<{ experiment: { state: string } }>(`/api/v1/experiments/${experiment.id}`)).experiment.state === 'STATE_COMPLETED', 20)
  await until('its container is gone', 60_000, async () => stack.docker('ps', '-aq', '--filter', `label=drover.experiment=${experiment.id}`) === '', 20)
  // nothing of ours may run beside the next contender: the network of the run has gone, and the spare one stands
  await until('the spare network alone stands', 60_000, async () => /^\S+\.net-spare Up[^\n]*$/.test(stack.docker('ps', '-a', '--filter', `label=drover.sandbox=${stack.agentId}`, '--format', '{{.Names}} {{.Status}}')), 20)
  return took
}

async function viaCommand(stack: Stack, watch: Starts): Promise<number> {
  const started = watch.next((labels) => labels['bench'] === 'command')
  const from = performance.now()
  const id = execFileSync('docker', ['run', '-d', '--label', 'bench=command', IMAGE, 'true'], { env: { ...process.env, DOCKER_HOST: stack.dockerHost }, encoding: 'utf8' }).trim()
  const took = (await started) - from
  stack.docker('rm', '-f', id)
  return took
}
