import type { Readable } from 'node:stream'
import Docker, { type ContainerCreateOptions } from 'dockerode'
import { DockerError, namedDockerError, pullVerdict } from './errors.ts'

/** A container of ours as the list gives it. */
export interface SeenContainer {
  id: string
  alloc: string
  epoch: number
  running: boolean
  /** created and never started */
  fresh: boolean
}

export interface InspectedContainer {
  id: string
  pid: number
  running: boolean
  fresh: boolean
  exitCode: number
  oomKilled: boolean
  /** unix ms; 0 = never */
  startedAt: number
  endedAt: number
  logPath: string
  error: string
}

/** The door to the Docker Engine; the only importer of dockerode. Calls have a deadline of 30 s and throw DockerError. */
export interface Engine {
  version(): Promise<string>
  /** All containers that carry our cluster's and this agent's labels. */
  list(): Promise<SeenContainer[]>
  inspect(id: string): Promise<InspectedContainer>
  hasImage(image: string): Promise<boolean>
  /** Pulls; `onProgress` gets a line of text at most once a second. */
  pull(image: string, onProgress: (text: string) => void, signal: AbortSignal): Promise<void>
  /** Id of the new container, or of the one that has this name already. */
  create(options: ContainerCreateOptions & { name: string }): Promise<string>
  start(id: string): Promise<void>
  signal(id: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  remove(id: string): Promise<void>
  /** Unpacks a tar inside the container's own file system. */
  putArchive(id: string, tar: Readable, path: string): Promise<void>
  /** Last `count` lines of both streams, for an exit report. */
  tail(id: string, count: number): Promise<string>
  /** Calls `wake` on each container event of ours until `signal`; ends early when the stream does. */
  watch(wake: () => void, signal: AbortSignal): Promise<void>
}

export interface EngineLabels {
  cluster: string
  agent: string
}

const DEADLINE_MS = 30_000

export function openEngine(dockerHost: string, labels: EngineLabels): Engine {
  const docker = connect(dockerHost)
  const filters = { label: [`drover.cluster=${labels.cluster}`, `drover.agent=${labels.agent}`] }
  return {
    version: () => named(async () => (await docker.version()).Version),
    list: () => named(async () => (await docker.listContainers({ all: true, filters })).map(toSeen)),
    inspect: (id) => named(() => inspect(docker, id)),
    hasImage: async (image) => {
      try {
        await named(() => docker.getImage(image).inspect())
        return true
      } catch (error) {
        if (error instanceof DockerError && (error.kind === 'missing' || error.kind === 'image-missing')) return false
        throw error
      }
    },
    pull: (image, onProgress, signal) => pull(docker, image, onProgress, signal),
    create: (options) => create(docker, options),
    start: (id) => unlessDone(304, () => docker.getContainer(id).start()),
    signal: (id, signal) => unlessDone(409, () => docker.getContainer(id).kill({ signal })),
    remove: (id) => unlessDone(404, () => docker.getContainer(id).remove({ force: true, v: true })),
    putArchive: (id, tar, path) => named(async () => void (await docker.getContainer(id).putArchive(tar, { path }))),
    tail: (id, count) => named(async () => untangle(await docker.getContainer(id).logs({ stdout: true, stderr: true, tail: count, follow: false }))),
    watch: (wake, signal) => watch(docker, filters.label, wake, signal),
  }
}

function connect(dockerHost: string): Docker {
  const url = new URL(dockerHost)
  if (url.protocol === 'unix:') return new Docker({ socketPath: url.pathname, timeout: 0 })
  return new Docker({ host: url.hostname, port: Number(url.port || '2375'), protocol: url.protocol === 'https:' ? 'https' : 'http' })
}

function toSeen(info: Docker.ContainerInfo): SeenContainer {
  return { id: info.Id, alloc: info.Labels['drover.alloc'] ?? '', epoch: Number(info.Labels['drover.epoch'] ?? '0'), running: info.State === 'running' || info.State === 'paused', fresh: info.State === 'created' }
}

async function inspect(docker: Docker, id: string): Promise<InspectedContainer> {
  const found = await docker.getContainer(id).inspect()
  const { State: state } = found
  return {
    id: found.Id, pid: state.Pid, running: state.Running, fresh: state.Status === 'created', exitCode: state.ExitCode, oomKilled: state.OOMKilled,
    startedAt: millis(state.StartedAt), endedAt: millis(state.FinishedAt), logPath: found.LogPath, error: state.Error,
  }
}

/** Docker writes year 1 for "never". */
function millis(text: string): number {
  return Math.max(0, Date.parse(text) || 0)
}

async function create(docker: Docker, options: ContainerCreateOptions & { name: string }): Promise<string> {
  try {
    return (await named(() => docker.createContainer(options))).id
  } catch (error) {
    if (error instanceof DockerError && error.kind === 'conflict') return (await named(() => docker.getContainer(options.name).inspect())).Id
    if (error instanceof DockerError && error.kind === 'missing') throw new DockerError('image-missing', error.message, { cause: error })
    throw error
  }
}

async function pull(docker: Docker, image: string, onProgress: (text: string) => void, signal: AbortSignal): Promise<void> {
  const reference = /[:@][^/]*$/.test(image) ? image : `${image}:latest`
  try {
    const stream = (await docker.pull(reference, { abortSignal: signal })) as NodeJS.ReadableStream
    let told = 0
    await new Promise<void>((resolve, reject) => {
      const layers = new Map<string, { now: number; all: number }>()
      docker.modem.followProgress(
        stream,
        (error) => (error ? reject(error) : resolve()),
        (event: { id?: string; status?: string; progressDetail?: { current?: number; total?: number } }) => {
          if (event.id && event.progressDetail?.total) layers.set(event.id, { now: event.progressDetail.current ?? 0, all: event.progressDetail.total })
          if (performance.now() - told < 1_000) return
          told = performance.now()
          const sum = [...layers.values()].reduce((total, layer) => ({ now: total.now + layer.now, all: total.all + layer.all }), { now: 0, all: 0 })
          onProgress(`pulling ${reference}: ${event.status ?? ''} ${(sum.now / 1e6).toFixed(1)} of ${(sum.all / 1e6).toFixed(1)} MB of ${layers.size} layers`)
        },
      )
    })
  } catch (error) {
    const found = namedDockerError(error)
    const verdict = pullVerdict(found.message)
    throw new DockerError(verdict === 'absent' ? 'image-missing' : verdict === 'denied' ? 'denied' : 'unreachable', found.message, { cause: error })
  }
}

async function watch(docker: Docker, label: string[], wake: () => void, signal: AbortSignal): Promise<void> {
  const stream = await named(() => docker.getEvents({ filters: { type: ['container'], label } }))
  const stop = (): void => (stream as unknown as { destroy(): void }).destroy()
  signal.addEventListener('abort', stop)
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) if (chunk.length > 0) wake()
  } catch (error) {
    if (!signal.aborted) throw namedDockerError(error)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Docker's multiplexed stream: 8 bytes of header, of which the last four are the length. */
function untangle(body: Buffer): string {
  const parts: Buffer[] = []
  for (let at = 0; at + 8 <= body.length; ) {
    const length = body.readUInt32BE(at + 4)
    parts.push(body.subarray(at + 8, at + 8 + length))
    at += 8 + length
  }
  return Buffer.concat(parts).toString('utf8')
}

/** An effect that is already there is a success: the steps must be safe to run twice. */
async function unlessDone(status: number, call: () => Promise<unknown>): Promise<void> {
  try {
    await named(call)
  } catch (error) {
    const cause = error instanceof DockerError ? (error.cause as { statusCode?: number } | undefined) : undefined
    if (cause?.statusCode !== status) throw error
  }
}

async function named<T>(call: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DockerError('unreachable', `the Docker Engine did not answer within ${DEADLINE_MS / 1000} s`)), DEADLINE_MS)
  })
  try {
    return await Promise.race([call(), late])
  } catch (error) {
    throw namedDockerError(error)
  } finally {
    clearTimeout(timer)
  }
}
