import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const repo = resolve(import.meta.dirname, '../..')
const STAMP = join(repo, 'dist/.stamp')

/** Builds dist/ (programs and page) unless the sources are as they were. */
export async function buildAll(say: (text: string) => void): Promise<void> {
  const now = fingerprint()
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === now) return
  const from = performance.now()
  mkdirSync(join(repo, 'dist'), { recursive: true })
  execFileSync(process.execPath, [join(repo, 'images/local/build.mjs')], { cwd: repo, stdio: ['ignore', 'pipe', 'inherit'] })
  execFileSync(process.execPath, [join(repo, 'node_modules/vite/bin/vite.js'), 'build', '--config', 'master/web/vite.config.ts', '--logLevel', 'warn'], { cwd: repo, stdio: ['ignore', 'pipe', 'inherit'] })
  writeFileSync(STAMP, now)
  say(`built dist/ in ${((performance.now() - from) / 1000).toFixed(1)} s`)
}

function fingerprint(): string {
  const hash = createHash('sha256')
  for (const path of globSync('{agent,master,protocol,images}/**/*.{ts,tsx,css,html,mjs}', { cwd: repo }).toSorted()) {
    const { mtimeMs, size } = statSync(join(repo, path))
    hash.update(`${path} ${mtimeMs} ${size}\n`)
  }
  return hash.update(readFileSync(join(repo, 'package-lock.json'))).digest('hex')
}
