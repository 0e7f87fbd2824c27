import type Dockerode from 'dockerode'
import { callDocker } from './deadline.ts'
import { DockerError, nameDockerError, namePullError } from './errors.ts'
import { checkImageName } from './image-name.ts'

interface PullMessage {
  status?: string
  id?: string
  error?: string
  progressDetail?: { current?: number; total?: number }
}

/** A registry that says nothing for this long is taken for gone; layers of any size may take any time in all. */
const SILENCE_MS = 120_000

/** Pulls and follows the stream to its end: Docker answers 200 first and tells failures in the stream. */
export async function pullImage(client: Dockerode, image: string, options: { signal: AbortSignal; onProgress: (line: string) => void }): Promise<void> {
  const stream = await openPull(client, image, options.signal)
  await callDocker(`pull ${image}`, (signal) => follow(client, stream, signal, options.onProgress), options.signal, null)
}

async function openPull(client: Dockerode, image: string, signal: AbortSignal): Promise<NodeJS.ReadableStream> {
  checkImageName(image)
  // a reference without tag or digest would pull every tag there is
  const reference = /[:@][^/]*$/.test(image) ? image : `${image}:latest`
  try {
    return await callDocker(`pull ${image}`, (abortSignal) => client.pull(reference, { abortSignal }), signal, SILENCE_MS)
  } catch (error) {
    const named = nameDockerError(error)
    if (named.kind === 'aborted' || named.kind === 'unreachable' || named.kind === 'timeout') throw named
    throw namePullError(named.message, error)
  }
}

function follow(client: Dockerode, stream: NodeJS.ReadableStream, signal: AbortSignal, onProgress: (line: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer = setTimeout(silent, SILENCE_MS)
    function silent(): void {
      destroy(stream)
      reject(new DockerError('registry-unreachable', `the registry sent nothing for ${SILENCE_MS / 1000} s`))
    }
    signal.addEventListener('abort', () => destroy(stream), { once: true })
    client.modem.followProgress(
      stream,
      (error) => {
        clearTimeout(timer)
        if (error) reject(namePullError(error.message, error))
        else resolve()
      },
      (message: PullMessage) => {
        clearTimeout(timer)
        timer = setTimeout(silent, SILENCE_MS)
        const line = lineOf(message)
        if (line !== null) onProgress(line)
      },
    )
  })
}

function lineOf({ status, id, progressDetail }: PullMessage): string | null {
  if (status === undefined) return null
  const { current, total } = progressDetail ?? {}
  const part = current !== undefined && total !== undefined && total > 0 ? ` ${Math.floor((100 * current) / total)} % of ${Math.ceil(total / 1e6)} MB` : ''
  return `${id === undefined ? '' : `${id}: `}${status}${part}`
}

function destroy(stream: NodeJS.ReadableStream): void {
  if ('destroy' in stream && typeof stream.destroy === 'function') stream.destroy()
}
