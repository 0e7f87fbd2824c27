import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import type { Herd } from './herd.ts'
import { ready } from './processes.ts'
import { SetupError } from './steps.mjs'

export interface PostgresPlaces {
  /** of the binaries, world-readable */
  home: string
  /** data and password; outside of the clone, which may lie below root's home */
  dataRoot: string
  logFile: string
}

const ENV = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }

/** A real Postgres on loopback, run by an unprivileged user: it refuses to be root. Its data stays for the next start. */
export async function startPostgres(herd: Herd, places: PostgresPlaces, port: number, signal: AbortSignal): Promise<string> {
  const { home, dataRoot, logFile } = places
  const owner = process.getuid?.() === 0 ? idOf('nobody') : {}
  for (const folder of [dirname(dataRoot), dataRoot]) {
    mkdirSync(folder, { recursive: true })
    chmodSync(folder, 0o755)
  }
  const data = join(dataRoot, 'pg')
  if (!existsSync(data)) await initialise(home, dataRoot, owner)
  const password = readFileSync(join(dataRoot, 'pg-password'), 'utf8')
  const child = herd.begin({
    // SIGINT: end sessions, write all, stop. SIGTERM would wait for the sessions of others.
    name: 'postgres', command: join(home, 'bin/postgres'), env: ENV, logFile, stopSignal: 'SIGINT', ...owner,
    args: ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${data}`, '-c', 'max_connections=300'],
  })
  const url = `postgres://drover:${password}@127.0.0.1:${port}/postgres`
  await ready(child, 60_000, signal, () => answersQuery(url))
  return url
}

/** Into a draft that is renamed at the end: an interrupted one is made anew. */
async function initialise(home: string, dataRoot: string, owner: { uid?: number; gid?: number }): Promise<void> {
  const draft = join(dataRoot, 'pg.new')
  const passwordFile = join(dataRoot, 'pg-password')
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { mode: 0o700 })
  writeFileSync(passwordFile, randomBytes(18).toString('base64url'), { mode: 0o600 })
  if (owner.uid !== undefined && owner.gid !== undefined) for (const path of [draft, passwordFile]) chownSync(path, owner.uid, owner.gid)
  const args = ['-D', draft, '-U', 'drover', '-A', 'scram-sha-256', '--pwfile', passwordFile, '-E', 'UTF8', '--no-instructions']
  try {
    await promisify(execFile)(join(home, 'bin/initdb'), args, { env: ENV, cwd: '/', ...owner })
  } catch (error) {
    throw new SetupError(`Postgres could not make its files in ${dataRoot}: ${String((error as { stderr?: string }).stderr ?? error).trim()}`, `see whether ${dataRoot} has space and may be entered by the user nobody, then run the same command again`)
  }
  renameSync(draft, join(dataRoot, 'pg'))
}

async function answersQuery(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  // a server that stops breaks the connection; the next try says how it is
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } finally {
    await client.end().catch(() => undefined)
  }
}

function idOf(name: string): { uid: number; gid: number } {
  const row = readFileSync('/etc/passwd', 'utf8').split('\n').find((line) => line.startsWith(`${name}:`))?.split(':')
  if (!row) throw new SetupError(`there is no user ${name} to run Postgres`, `set DROVER_DB_URL to a Postgres of yours`)
  return { uid: Number(row[2]), gid: Number(row[3]) }
}
