import Dockerode from 'dockerode'
import type { Readable } from 'node:stream'
import { LABELS } from '../plan/container-spec.ts'
import type { ObservedContainer } from '../plan/world.ts'
import { callDocker } from './deadline.ts'
import type { ContainerFacts, Docker } from './door.ts'
import { isDockerError } from './errors.ts'
import { checkImageName } from './image-name.ts'
import { pullImage } from './pull.ts'
import { makeSandbox } from './sandbox.ts'
import { unframe } from './unframe.ts'
import { watchEvents } from './watch.ts'

/** The only importer of dockerode. Sees the containers of this agent in this cluster, no others. */
export function connectDocker(options: { dockerHost: string; clusterId: string; agentId: string }): Docker {
  const client = new Dockerode({ socketPath: options.dockerHost.replace(/^unix:\/\//, '') })
  const ofCluster = [`${LABELS.cluster}=${options.clusterId}`]
  // one call for both kinds; another agent of the cluster at the same engine is left out here
  const survey: Docker['survey'] = async () => {
    const found = await callDocker('list', (abortSignal) => client.listContainers({ all: true, filters: { label: ofCluster }, abortSignal }))
    return {
      containers: found.filter(({ Labels }) => Labels[LABELS.agent] === options.agentId).map(observed),
      sandboxes: found.filter(({ Labels }) => Labels[LABELS.sandbox] === options.agentId).map((one) => ({ id: one.Id, name: nameOf(one), running: statusOf(one.State) === 'running' })),
    }
  }
  return {
    info: async () => {
      const info = (await callDocker('info', () => client.info())) as { ServerVersion?: string; DockerRootDir?: string }
      return { version: info.ServerVersion ?? 'unknown', rootDir: info.DockerRootDir ?? '/var/lib/docker' }
    },
    list: async () => (await survey()).containers,
    survey,
    inspect: async (id) => factsOf(await callDocker('inspect', (abortSignal) => client.getContainer(id).inspect({ abortSignal }))),
    imagePresent: (image) => imagePresent(client, image),
    pull: (image, pulling) => pullImage(client, image, pulling),
    create: async (container) => (await callDocker('create', (abortSignal) => client.createContainer({ ...container, abortSignal }))).id,
    start: (id) => start(client, id),
    makeSandbox: (name, network) => makeSandbox(client, { name, network, ...options }),
    rename: async (id, name) => void (await callDocker('rename', (abortSignal) => client.getContainer(id).rename({ name, abortSignal }))),
    signal: (id, signal) => send(client, id, signal),
    remove: (id) => remove(client, id),
    fill: (id, path, tar, signal) => fill(client, id, path, tar, signal),
    tail: async (id, lines) => unframe(await callDocker('logs', (abortSignal) => client.getContainer(id).logs({ stdout: true, stderr: true, follow: false, tail: lines, abortSignal }))),
    watch: (onChange, signal) => watchEvents(client, ofCluster, onChange, signal),
  }
}

async function imagePresent(client: Dockerode, image: string): Promise<boolean> {
  checkImageName(image)
  try {
    await callDocker('image inspect', () => client.getImage(image).inspect())
    return true
  } catch (error) {
    if (isDockerError(error, 'image-missing', 'missing')) return false
    throw error
  }
}

async function start(client: Dockerode, id: string): Promise<void> {
  try {
    await callDocker('start', (abortSignal) => client.getContainer(id).start({ abortSignal }))
  } catch (error) {
    if (!isDockerError(error, 'already')) throw error
  }
}

/** A paused container takes no signal: it is let go on first. */
async function send(client: Dockerode, id: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const container = client.getContainer(id)
  const kill = (): Promise<unknown> => callDocker(`send ${signal}`, (abortSignal) => container.kill({ signal, abortSignal }))
  try {
    await kill()
  } catch (error) {
    if (!isDockerError(error, 'conflict', 'server') || !/paused/i.test(error.message)) throw error
    await callDocker('unpause', () => container.unpause())
    await kill()
  }
}

async function remove(client: Dockerode, id: string): Promise<void> {
  try {
    await callDocker('remove', (abortSignal) => client.getContainer(id).remove({ force: true, v: true, abortSignal }))
  } catch (error) {
    if (!isDockerError(error, 'missing')) throw error
  }
}

/** No deadline of its own: a large model definition may take its time; the caller's signal ends it. */
async function fill(client: Dockerode, id: string, path: string, tar: Readable, signal: AbortSignal): Promise<void> {
  await callDocker('put archive', (abortSignal) => client.getContainer(id).putArchive(tar, { path, noOverwriteDirNonDir: 'false', abortSignal }), signal, null)
}

function observed(info: Dockerode.ContainerInfo): ObservedContainer {
  return { id: info.Id, name: nameOf(info), alloc: info.Labels[LABELS.alloc] ?? '', status: statusOf(info.State), slots: (info.Labels[LABELS.slots] ?? '').split(',').filter((slot) => slot !== '') }
}

function nameOf(info: Dockerode.ContainerInfo): string {
  return (info.Names[0] ?? '').replace(/^\//, '')
}

function factsOf(info: Dockerode.ContainerInspectInfo): ContainerFacts {
  const logPath = 'LogPath' in info && typeof info.LogPath === 'string' ? info.LogPath : ''
  return {
    id: info.Id,
    name: info.Name.replace(/^\//, ''),
    labels: info.Config.Labels,
    status: statusOf(info.State.Status),
    beingRemoved: info.State.Status === 'removing',
    pid: info.State.Pid,
    network: info.HostConfig.NetworkMode ?? '',
    address: Object.values(info.NetworkSettings.Networks)[0]?.IPAddress ?? '',
    logPath,
    exitCode: info.State.ExitCode,
    oomKilled: info.State.OOMKilled,
    startedAt: timeOf(info.State.StartedAt),
    endedAt: timeOf(info.State.FinishedAt),
    error: info.State.Error,
  }
}

function statusOf(state: string): ObservedContainer['status'] {
  if (state === 'created') return 'created'
  return state === 'exited' || state === 'dead' || state === 'removing' ? 'exited' : 'running'
}

/** Docker writes year 1 for "never". */
function timeOf(text: string): number | null {
  const time = Date.parse(text)
  return Number.isFinite(time) && time > 0 ? time : null
}
