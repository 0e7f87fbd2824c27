import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/**
 * output: it ended with 0. failed: with something else, which it said on stdout. absent: no such program.
 * hung: it gave no answer in time, or an earlier one that did so is still there. stopped: by `signal`.
 */
export type SmiAnswer = { kind: 'output'; text: string } | { kind: 'failed'; code: number | null; text: string } | { kind: 'absent' } | { kind: 'hung'; text: string } | { kind: 'stopped' }

export interface FollowOptions {
  /** each line of its output; true: an answer is whole, and the time of the next one begins */
  onLine: (line: string) => boolean
  /** nothing more has come for half a second; as `onLine` */
  onQuiet: () => boolean
  /** the first answer is late, but the child may live on until it is `killMs` late: a cold driver takes its time */
  onLate: () => void
  lateMs: number
  killMs: number
  /** between two answers */
  everyMs: number
  signal: AbortSignal
}

export interface NvidiaSmi {
  /** once, with a deadline */
  run(args: readonly string[], deadlineMs?: number): Promise<SmiAnswer>
  /** one process that answers again and again (`-l`), until it ends, hangs or is stopped */
  follow(args: readonly string[], options: FollowOptions): Promise<SmiAnswer>
}

/** A running nvidia-smi. */
export type Child = ChildProcessByStdio<null, Readable, null>

export const DEADLINE_MS = 10_000
const OUTPUT_MAX = 8 << 20
const TAIL_LINES = 20
const QUIET_MS = 500
/** how long a killed one may take to go */
const END_MS = 1_000

/**
 * The door to nvidia-smi. On a sick GPU it hangs in the kernel, where no signal ends it: it is then left behind, and as
 * long as it is there no second one is started, so that they never pile up. The event loop waits for none of it.
 */
export function openNvidiaSmi(program = 'nvidia-smi', kill: (child: Child) => void = killGroup): NvidiaSmi {
  const stuck = new Set<Child>()

  async function start(args: readonly string[]): Promise<Child | string> {
    for (const child of stuck) await exited(child, END_MS)
    const [left] = stuck
    if (left !== undefined) return `an earlier nvidia-smi (process ${left.pid ?? 0}) is stuck in the kernel and cannot be ended: a GPU or its driver hangs, replace the instance`
    // a group of its own: what a wrapper script starts goes with it; should the agent die, the closed pipe ends it
    return spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  }

  function leave(child: Child): void {
    if (child.exitCode !== null || child.signalCode !== null) return
    stuck.add(child)
    child.once('exit', () => stuck.delete(child))
    kill(child)
    child.stdout.destroy()
    child.unref()
  }

  return {
    run: async (args, deadlineMs = DEADLINE_MS) => {
      const child = await start(args)
      return typeof child === 'string' ? { kind: 'hung', text: child } : runChild(child, deadlineMs, () => leave(child))
    },
    follow: async (args, options) => {
      const child = await start(args)
      return typeof child === 'string' ? { kind: 'hung', text: child } : new Promise((resolve) => followChild(child, options, () => leave(child), resolve))
    },
  }
}

function runChild(child: Child, deadlineMs: number, leave: () => void): Promise<SmiAnswer> {
  return new Promise((resolve) => {
    let text = ''
    const end = (answer: SmiAnswer): void => {
      clearTimeout(timer)
      resolve(answer)
    }
    const timer = setTimeout(() => {
      leave()
      end({ kind: 'hung', text: `nvidia-smi gave no answer within ${deadlineMs / 1000} s` })
    }, deadlineMs)
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (chunk: string) => {
      if (text.length < OUTPUT_MAX) text += chunk
    })
    child.on('error', (error) => end(notStarted(error)))
    child.on('close', (code) => end(code === 0 ? { kind: 'output', text } : { kind: 'failed', code, text }))
  })
}

function exited(child: Child, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, withinMs)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

function followChild(child: Child, options: FollowOptions, leave: () => void, resolve: (answer: SmiAnswer) => void): void {
  const tail: string[] = []
  let quiet: NodeJS.Timeout | undefined
  let hang: NodeJS.Timeout
  const late = setTimeout(options.onLate, options.lateMs)
  const end = (answer: SmiAnswer): void => {
    for (const timer of [quiet, hang, late]) clearTimeout(timer)
    options.signal.removeEventListener('abort', stop)
    resolve(answer)
  }
  const giveUp = (afterMs: number) => (): void => {
    leave()
    end({ kind: 'hung', text: `nvidia-smi gave no answer for ${afterMs / 1000} s` })
  }
  const stop = (): void => {
    leave()
    end({ kind: 'stopped' })
  }
  const answered = (whole: boolean): void => {
    if (!whole) return
    for (const timer of [hang, late]) clearTimeout(timer)
    hang = setTimeout(giveUp(options.everyMs + options.lateMs), options.everyMs + options.lateMs)
  }
  hang = setTimeout(giveUp(options.killMs), options.killMs)
  options.signal.addEventListener('abort', stop, { once: true })
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (tail.push(line.slice(0, 4096)) > TAIL_LINES) tail.shift()
    clearTimeout(quiet)
    quiet = setTimeout(() => answered(options.onQuiet()), QUIET_MS)
    answered(options.onLine(line))
  })
  if (options.signal.aborted) return stop()
  child.on('error', (error) => end(notStarted(error)))
  child.on('close', (code) => {
    options.onQuiet()
    end({ kind: 'failed', code, text: tail.join('\n') })
  })
}

function notStarted(error: Error): SmiAnswer {
  return 'code' in error && error.code === 'ENOENT' ? { kind: 'absent' } : { kind: 'failed', code: null, text: error.message }
}

function killGroup(child: Child): void {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL')
  } catch {
    child.kill('SIGKILL') // the group is gone already, or never was
  }
}
