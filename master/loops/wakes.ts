import { LOOPS, type LoopName } from '../../protocol/wire/subjects.ts'

/** Contentless wakes: at once inside this process, and over NATS to the other masters. Losing one costs a sweep. */
export interface Wakes {
  /** after a commit */
  wake(loop: LoopName): void
  /** a wake that came over NATS */
  receive(loop: LoopName): void
  on(loop: LoopName, listener: () => void): () => void
}

export function createWakes(publish: (loop: LoopName) => void): Wakes {
  const listeners = new Map<LoopName, Set<() => void>>(LOOPS.map((loop) => [loop, new Set()]))
  const receive = (loop: LoopName): void => listeners.get(loop)?.forEach((listener) => listener())
  return {
    wake(loop) {
      receive(loop)
      publish(loop)
    },
    receive,
    on(loop, listener) {
      listeners.get(loop)?.add(listener)
      return () => void listeners.get(loop)?.delete(listener)
    },
  }
}
