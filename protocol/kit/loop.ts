import { backoffMs } from './backoff.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

/**
 * The one loop primitive. A pass runs when woken or when `sweepMs` have passed since the last one; wakes that
 * arrive during a pass coalesce into exactly one more. A pass that throws is logged and tried again with
 * full-jitter backoff; it never ends the loop. One pass at a time.
 */
export interface Loop {
  wake(): void
  /** Resolves when `signal` aborted and the running pass has ended. */
  readonly ended: Promise<void>
}

export interface LoopOptions {
  name: string
  pass: (signal: AbortSignal) => Promise<void>
  sweepMs: number
  /** longest pause after failures */
  capMs?: number
  signal: AbortSignal
  clock: Clock
  random: () => number
  log: Log
}

export function startLoop(options: LoopOptions): Loop {
  let dirty = true
  let rouse: (() => void) | null = null
  const wake = (): void => {
    dirty = true
    rouse?.()
  }
  return { wake, ended: run() }

  async function run(): Promise<void> {
    let failures = 0
    while (!options.signal.aborted) {
      dirty = false
      try {
        await options.pass(options.signal)
        failures = 0
      } catch (error) {
        if (options.signal.aborted) return
        failures += 1
        options.log.warn({ loop: options.name, failures, err: error }, 'loop pass failed, will be tried again')
        await pause(backoffMs(failures, options.random, { baseMs: 100, capMs: options.capMs ?? 5_000, floorMs: 20 }))
        dirty = true
      }
      if (!dirty) await pauseUnlessWoken()
    }
  }

  async function pauseUnlessWoken(): Promise<void> {
    const ended = new AbortController()
    rouse = () => ended.abort()
    if (dirty || options.signal.aborted) ended.abort()
    const stop = (): void => ended.abort()
    options.signal.addEventListener('abort', stop)
    await options.clock.sleep(options.sweepMs, ended.signal)
    options.signal.removeEventListener('abort', stop)
    rouse = null
  }

  function pause(ms: number): Promise<void> {
    return options.clock.sleep(ms, options.signal)
  }
}
