import { setTimeout as sleep } from 'node:timers/promises'
import type { Herd } from './herd.ts'

/** One program of the cluster: starts it and waits until it serves; called again after it has died. */
export interface Part {
  name: string
  start(signal: AbortSignal): Promise<void>
}

const FIRST_MS = 500
const LAST_MS = 10_000

/** What systemd does on a real machine: a program that ends is started again, later and later while it keeps ending. */
export async function keepRunning(herd: Herd, part: Part, { signal, say, restarted }: { signal: AbortSignal; say: (text: string) => void; restarted: () => void }): Promise<void> {
  let waitMs = FIRST_MS
  while (!signal.aborted) {
    const how = (await herd.child(part.name)?.ended) ?? 'is not there'
    if (signal.aborted) return
    say(`${part.name} ended (${how}): started again`)
    const began = performance.now()
    try {
      await sleep(waitMs, undefined, { signal })
      await part.start(signal)
      restarted()
    } catch (error) {
      if (signal.aborted) return
      say(`${part.name} did not come back: ${error instanceof Error ? error.message : String(error)}`)
      await herd.child(part.name)?.stop()
    }
    waitMs = performance.now() - began > LAST_MS * 3 ? FIRST_MS : Math.min(waitMs * 2, LAST_MS)
  }
}
