import type Docker from 'dockerode'

/** Starts of containers as the engine tells them, for every contender alike; times of `performance.now()`. */
export interface Starts {
  /** resolves at the next start of a container that `matches` */
  next(matches: (labels: Record<string, string>) => boolean): Promise<number>
  stop(): void
}

export async function watchStarts(docker: Docker): Promise<Starts> {
  const stream = await docker.getEvents({ filters: { type: ['container'], event: ['start'] } })
  const waiting = new Set<(labels: Record<string, string>, at: number) => void>()
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    const at = performance.now()
    const parts = (rest + chunk.toString('utf8')).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) if (part.trim() !== '') for (const tell of waiting) tell((JSON.parse(part) as { Actor: { Attributes: Record<string, string> } }).Actor.Attributes, at)
  })
  return {
    next: (matches) =>
      new Promise((resolve) => {
        const tell = (labels: Record<string, string>, at: number): void => {
          if (!matches(labels)) return
          waiting.delete(tell)
          resolve(at)
        }
        waiting.add(tell)
      }),
    stop: () => (stream as unknown as { destroy(): void }).destroy(),
  }
}

/** What every start costs at least: bare create and start of an image, milliseconds to the engine's own event. */
export async function bareStart(docker: Docker, starts: Starts, image: string): Promise<number> {
  const started = starts.next((labels) => labels['bench'] === 'bare')
  const from = performance.now()
  const container = await docker.createContainer({ Image: image, Cmd: ['true'], Labels: { bench: 'bare' } })
  await container.start()
  const took = (await started) - from
  await container.remove({ force: true })
  return took
}
