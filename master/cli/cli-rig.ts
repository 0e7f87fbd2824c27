import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { startMasterDouble } from './master-double.ts'
import type { MasterDouble } from './master-double.ts'

export interface Ran { code: number | null; out: string; err: string }

/** For tests: the built file is run as a person runs it, against a real HTTP server, with a home of its own. */
export interface CliRig {
  begin(): Promise<{ dir: string; master: MasterDouble }>
  start(args: readonly string[], env?: Record<string, string>): ChildProcess
  run(args: readonly string[], env?: Record<string, string>, input?: string): Promise<Ran>
  end(): Promise<void>
  remove(): Promise<void>
}

/** `build` of images/local, which only a test may reach. */
export async function buildCli(build: (options: { names: string[]; outDir: string; print: () => void }) => Promise<string[]>): Promise<CliRig> {
  const outDir = await mkdtemp(join(tmpdir(), 'drover-build-'))
  const [built = ''] = await build({ names: ['drover'], outDir, print: () => undefined })
  let at: { dir: string; master: MasterDouble } | null = null
  const begun = (): { dir: string; master: MasterDouble } => {
    if (at === null) throw new Error('begin first')
    return at
  }
  const rig: CliRig = {
    async begin() {
      at = { dir: await mkdtemp(join(tmpdir(), 'drover-cli-')), master: await startMasterDouble() }
      return at
    },
    start(args, env = {}) {
      const { dir, master } = begun()
      const inherited = { PATH: process.env['PATH'] ?? '', HOME: dir, XDG_CONFIG_HOME: dir, DROVER_MASTER: master.url, DROVER_USER: 'admin', DROVER_PASS: 'secret' }
      return spawn(process.execPath, [built, ...args], { cwd: dir, env: { ...inherited, ...env } })
    },
    async run(args, env = {}, input = '') {
      const child = rig.start(args, env)
      child.stdin?.on('error', () => undefined).end(input)
      const [out, err] = await Promise.all([child.stdout ? text(child.stdout) : '', child.stderr ? text(child.stderr) : '', once(child, 'close')])
      return { code: child.exitCode, out, err }
    },
    async end() {
      await begun().master.stop()
      await rm(begun().dir, { recursive: true, force: true })
    },
    remove: () => rm(outDir, { recursive: true, force: true }),
  }
  return rig
}
