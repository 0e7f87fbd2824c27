import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Env } from './servers.ts'
import { REPO } from './steps.mjs'

/** Runs a program of the repository with what this one was told; gives its exit code. An abort asks it to end. */
export function runProgram(path: string, env: Env, signal: AbortSignal): Promise<number> {
  const args = process.argv.slice(2).filter((argument) => argument !== '-y')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(REPO, path), ...args], { env, cwd: REPO, stdio: ['ignore', 'inherit', 'inherit'] })
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
