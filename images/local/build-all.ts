import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { REPO, SetupError } from './steps.mjs'

const DIST = join(REPO, 'dist')
const STAMP = join(DIST, '.stamp')

/** Builds dist/ (programs and page) unless the sources are as they were. */
export async function buildAll(signal: AbortSignal): Promise<void> {
  const now = fingerprint()
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === now) return
  mkdirSync(DIST, { recursive: true })
  await build([join(REPO, 'images/local/build.mjs')], signal)
  await build([join(REPO, 'node_modules/vite/bin/vite.js'), 'build', '--config', 'master/web/vite.config.ts', '--logLevel', 'warn'], signal)
  writeFileSync(STAMP, now)
}

async function build(args: string[], signal: AbortSignal): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, args, { cwd: REPO, signal, maxBuffer: 1 << 26 })
  } catch (error) {
    signal.throwIfAborted()
    const { stderr = '', stdout = '' } = error as { stderr?: string; stdout?: string }
    throw new SetupError(`the build failed: ${`${stdout}${stderr}`.trim().slice(-2_000) || String(error)}`, 'mend what it names; `npm run build` shows it whole')
  }
}

function fingerprint(): string {
  const hash = createHash('sha256')
  for (const path of globSync('{agent,master,protocol,images/local}/**/*.{ts,tsx,css,html,svg,mjs}', { cwd: REPO }).toSorted()) {
    const { mtimeMs, size } = statSync(join(REPO, path))
    hash.update(`${path} ${mtimeMs} ${size}\n`)
  }
  return hash.update(readFileSync(join(REPO, 'package-lock.json'))).digest('hex')
}
