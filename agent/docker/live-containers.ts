import Dockerode from 'dockerode'
import { LABELS } from '../plan/container-spec.ts'
import { callDocker } from './deadline.ts'

/** Names of this agent's containers that live, in whatever cluster it was when it started them. Rejects with DockerError. */
export function liveContainers(options: { dockerHost: string; agentId: string }): () => Promise<string[]> {
  const client = new Dockerode({ socketPath: options.dockerHost.replace(/^unix:\/\//, '') })
  const filters = { label: [`${LABELS.agent}=${options.agentId}`], status: ['running', 'paused', 'restarting'] }
  return async () => {
    const found = await callDocker('list', (abortSignal) => client.listContainers({ filters, abortSignal }))
    return found.map((container) => (container.Names[0] ?? container.Id).replace(/^\//, ''))
  }
}
