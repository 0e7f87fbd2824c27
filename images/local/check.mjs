// `npm run check`: types, pure rooms, lint, import law, dead code, unit tests; two at a time, under 30 s.
import { spawn } from 'node:child_process'
import { REPO } from './steps.mjs'

const STEPS = ['unit', 'types', 'types:pure', 'types:web', 'lint', 'imports', 'dead']

/** Runs one npm script; its output is shown only when it fails. */
function runStep(name) {
  const from = performance.now()
  return new Promise((resolve) => {
    const child = spawn('npm', ['run', '--silent', name], { cwd: REPO, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = []
    child.stdout.on('data', (data) => output.push(data))
    child.stderr.on('data', (data) => output.push(data))
    child.once('error', (error) => resolve({ name, ok: false, text: `npm did not start: ${error.message}` }))
    child.once('close', (code) => {
      const ok = code === 0
      process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${name} ${((performance.now() - from) / 1000).toFixed(1)} s\n`)
      resolve({ name, ok, text: Buffer.concat(output).toString() })
    })
  })
}

const waiting = [...STEPS]
const results = []
async function lane() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) results.push(await runStep(name))
}
await Promise.all([lane(), lane()])
const failed = results.filter((result) => !result.ok)
for (const { name, text } of failed) process.stdout.write(`\n--- npm run ${name}\n${text.trim()}\n`)
process.stdout.write(`\n${results.length - failed.length} of ${results.length} checks passed\n`)
process.exitCode = failed.length === 0 ? 0 : 1
