import { spawn, type ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** A real program under test that can be killed and started again under the same name. */
export interface Program {
  readonly pid: number
  /** Sends the signal and waits until the process is gone (not for SIGSTOP and SIGCONT). */
  kill(signal: NodeJS.Signals): Promise<void>
  start(): Promise<void>
  running(): boolean
}

export interface ProgramOptions {
  name: string
  command: string
  args: string[]
  env: Record<string, string | undefined>
  logFile: string
  uid?: number
  gid?: number
  /** resolves when the program serves; tried every 50 ms for 30 s */
  ready: () => Promise<boolean>
}

export async function startProgram(options: ProgramOptions): Promise<Program> {
  let child: ChildProcess | null = null
  const program: Program = {
    get pid() {
      return child?.pid ?? 0
    },
    running: () => child !== null && child.exitCode === null && child.signalCode === null,
    async start() {
      const log = openSync(options.logFile, 'a')
      child = spawn(options.command, options.args, { env: { ...options.env }, stdio: ['ignore', log, log], ...(options.uid ? { uid: options.uid, gid: options.gid } : {}) })
      await until(`${options.name} is ready (see ${options.logFile})`, 30_000, async () => {
        if (!program.running()) throw new Error(`${options.name} ended with ${child?.exitCode ?? child?.signalCode}, see ${options.logFile}`)
        return options.ready()
      })
    },
    async kill(signal) {
      const victim = child
      if (!victim || !program.running()) return
      victim.kill(signal)
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') return
      const late = setTimeout(() => victim.kill('SIGKILL'), 15_000)
      if (victim.exitCode === null && victim.signalCode === null) await new Promise((resolve) => victim.once('exit', resolve))
      clearTimeout(late)
    },
  }
  await program.start()
  return program
}

/** Asks until it is so; the error after `ms` says what was waited for and the last error seen. */
export async function until(what: string, ms: number, test: () => Promise<boolean>, everyMs = 50): Promise<void> {
  const end = performance.now() + ms
  for (;;) {
    const found = await test().catch((error: unknown) => {
      if (error instanceof Error && /ended with/.test(error.message)) throw error
      return error
    })
    if (found === true) return
    if (performance.now() > end) throw new Error(`waited ${ms} ms in vain until ${what}${found === false ? '' : `: ${String(found)}`}`)
    await sleep(everyMs)
  }
}
