import { spawn } from 'node:child_process'

const DEADLINE_MS = 10_000
const OUTPUT_MAX = 4 << 20

/** `absent`: no such program. `failed`: it ran and gave no list, or hung; the text is for the log. */
export type NvidiaSmi = { kind: 'output'; text: string } | { kind: 'absent' } | { kind: 'failed'; text: string }

/** Runs nvidia-smi; one that hangs in the kernel is left behind after 10 s, the event loop never waits for it. */
export function runNvidiaSmi(args: string[]): Promise<NvidiaSmi> {
  return new Promise((resolve) => {
    const child = spawn('nvidia-smi', args, { stdio: ['ignore', 'pipe', 'ignore'] })
    let text = ''
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      child.stdout.destroy()
      child.unref()
      resolve({ kind: 'failed', text: `nvidia-smi did not answer within ${DEADLINE_MS / 1000} s` })
    }, DEADLINE_MS)
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (chunk: string) => {
      if (text.length < OUTPUT_MAX) text += chunk
    })
    child.on('error', (error) => {
      clearTimeout(timer)
      resolve('code' in error && error.code === 'ENOENT' ? { kind: 'absent' } : { kind: 'failed', text: error.message })
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve(code === 0 ? { kind: 'output', text } : { kind: 'failed', text: `nvidia-smi ended with ${String(code)}: ${text.slice(0, 500).trim()}` })
    })
  })
}
