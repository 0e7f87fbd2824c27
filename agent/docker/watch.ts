import type Dockerode from 'dockerode'
import { callDocker } from './deadline.ts'

const EVENTS = ['create', 'start', 'die', 'oom', 'destroy', 'pause', 'unpause']

/** Events only wake: what happened is always read by listing. So nothing is lost when the stream breaks. */
export async function watchEvents(client: Dockerode, labels: string[], onChange: () => void, signal: AbortSignal): Promise<void> {
  const options: Dockerode.GetEventsOptions = { filters: { type: ['container'], label: labels, event: EVENTS }, abortSignal: signal }
  const stream = await callDocker('events', () => client.getEvents(options), signal)
  onChange()
  await new Promise<void>((resolve) => {
    stream.on('data', () => onChange())
    for (const end of ['end', 'close', 'error'] as const) stream.on(end, () => resolve())
    const stop = (): void => {
      if ('destroy' in stream && typeof stream.destroy === 'function') stream.destroy()
      resolve()
    }
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
}
