import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/** exit: it ended, `code` null where a signal ended it. late: killed at the deadline. stopped: killed since `signal` aborted. absent: no shell. */
export type ShellEnd = { kind: 'exit'; code: number | null } | { kind: 'late' } | { kind: 'stopped' } | { kind: 'absent'; text: string }

/** What a process that outlives the shell may hold of its pipes. */
const PIPES_MS = 500

/** Runs `script` by `/bin/sh -c` in a process group of its own, without input; each line of its output goes to `onLine`. */
export function runShell(script: string, options: { deadlineMs: number; onLine: (line: string) => void; signal: AbortSignal }): Promise<ShellEnd> {
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    const end = { killed: null as 'late' | 'stopped' | null }
    const kill = (why: 'late' | 'stopped'): void => {
      end.killed ??= why
      killGroup(child.pid)
    }
    const stop = (): void => kill('stopped')
    const timer = setTimeout(() => kill('late'), options.deadlineMs)
    options.signal.addEventListener('abort', stop, { once: true })
    const read = Promise.all([lines(child.stdout, options.onLine), lines(child.stderr, options.onLine)])
    const finish = (result: ShellEnd): void => {
      clearTimeout(timer)
      options.signal.removeEventListener('abort', stop)
      resolve(result)
    }
    child.on('error', (error) => finish({ kind: 'absent', text: error.message }))
    child.on('exit', (code) => {
      const pipes = setTimeout(() => [child.stdout, child.stderr].forEach((stream) => stream.destroy()), PIPES_MS)
      void read.then(() => {
        clearTimeout(pipes)
        finish(end.killed === null ? { kind: 'exit', code } : { kind: end.killed })
      })
    })
    if (options.signal.aborted) stop()
  })
}

async function lines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const reader = createInterface({ input: stream })
  reader.on('line', onLine)
  stream.on('close', () => reader.close())
  await new Promise<void>((resolve) => reader.once('close', () => resolve()))
}

/** The shell and all that it started and that did not leave its group. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // gone already
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
