// Small parts of the set-up that need nothing but Node 20.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const REPO = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
export const STATE = join(REPO, '.drover')
export const TOOLS = join(STATE, 'tools')

/** A phase failed; `cure` says what a person can do. */
export class SetupError extends Error {
  constructor(message, cure) {
    super(message)
    this.name = 'SetupError'
    this.cure = cure
  }
}

/** Runs a command, its output into .drover/setup.log; throws with the last lines and the cure. */
export function run(command, args, { cure, env = {}, cwd = REPO } = {}) {
  const done = spawnSync(command, args, { cwd, env: { ...process.env, ...env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28 })
  mkdirSync(STATE, { recursive: true })
  writeFileSync(join(STATE, 'setup.log'), `$ ${command} ${args.join(' ')}\n${done.stdout ?? ''}${done.stderr ?? ''}\n`, { flag: 'a' })
  if (done.status === 0) return done.stdout ?? ''
  const words = `${done.stderr ?? ''}${done.stdout ?? ''}`.trim().split('\n').slice(-14).join('\n')
  throw new SetupError(`${command} ${args.slice(0, 6).join(' ')} failed (${done.error?.message ?? `exit ${done.status ?? done.signal}`}):\n${words}`, cure ?? 'see .drover/setup.log')
}

export function works(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

export function onPath(name) {
  return (process.env.PATH ?? '').split(':').concat('/usr/sbin', '/sbin').some((folder) => existsSync(join(folder, name)))
}

/** True where `stamp` holds exactly `text`: the phase was done for these inputs. */
export function stamped(name, text) {
  const path = join(TOOLS, `${name}.stamp`)
  return existsSync(path) && readFileSync(path, 'utf8') === text
}

export function stamp(name, text) {
  mkdirSync(TOOLS, { recursive: true })
  writeFileSync(join(TOOLS, `${name}.stamp`), text)
}
