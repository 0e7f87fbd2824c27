import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { runWithServers } from './servers.ts'
import { REPO } from './steps.mjs'

/** `npm run bench [-- --json] [-- --only NAME]`: real servers of our own, then test/bench. */
await runWithServers('bench', (env, signal) => {
  const args = process.argv.slice(2).filter((argument) => argument !== '-y')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(REPO, 'test/bench/main.ts'), ...args], { env, cwd: REPO, stdio: ['ignore', 'inherit', 'inherit'] })
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
})
