import type Dockerode from 'dockerode'
import { callDocker } from './deadline.ts'

const EVENTS = ['start', 'die', 'oom', 'destroy', 'pause', 'unpause']
/** Nothing trails these: the list shows them at once. A piece that is not surely one of them counts as an end. */
const PLAIN = /"(?:status|Action)":"(?:start|pause|unpause)"/
const END = /"(?:status|Action)":"(?:die|oom|destroy)"/

/** Events only wake: what happened is always read by listing. So nothing is lost when the stream breaks. */
export async function watchEvents(client: Dockerode, labels: string[], onChange: (trails: boolean) => void, signal: AbortSignal): Promise<void> {
  const options: Dockerode.GetEventsOptions = { filters: { type: ['container'], label: labels, event: EVENTS }, abortSignal: signal }
  const stream = await callDocker('events', () => client.getEvents(options), signal)
  onChange(false)
  await new Promise<void>((resolve) => {
    stream.on('data', (data: Buffer) => {
      const text = data.toString('utf8')
      onChange(END.test(text) || !PLAIN.test(text))
    })
    for (const end of ['end', 'close', 'error'] as const) stream.on(end, () => resolve())
    const stop = (): void => {
      if ('destroy' in stream && typeof stream.destroy === 'function') stream.destroy()
      resolve()
    }
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
}
