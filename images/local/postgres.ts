import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { freePort, ready, startChild, type Child } from './processes.ts'

/** A real Postgres, run by an unprivileged user where we are root: it refuses to be root. */
export async function startPostgres(home: string, dataRoot: string, stateDir: string): Promise<{ url: string; child: Child }> {
  const owner = process.getuid?.() === 0 ? idOf('nobody') : null
  const as = owner ?? {}
  const data = join(dataRoot, 'pg')
  const passwordFile = join(dataRoot, 'pg-password')
  const env = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }
  mkdirSync(dataRoot, { recursive: true, mode: 0o755 })
  if (!existsSync(passwordFile)) writeFileSync(passwordFile, randomBytes(18).toString('base64url'), { mode: 0o600 })
  if (owner) chownSync(passwordFile, owner.uid, owner.gid)
  const password = readFileSync(passwordFile, 'utf8')
  if (!existsSync(join(data, 'PG_VERSION'))) {
    mkdirSync(data, { recursive: true, mode: 0o700 })
    if (owner) chownSync(data, owner.uid, owner.gid)
    execFileSync(join(home, 'bin/initdb'), ['-D', data, '-U', 'drover', '-A', 'scram-sha-256', '--pwfile', passwordFile, '-E', 'UTF8'], { env, cwd: '/', stdio: 'pipe', ...as })
  }
  const port = await freePort()
  const logFile = join(stateDir, 'logs/postgres.log')
  const child = startChild({
    name: 'postgres', command: join(home, 'bin/postgres'), env, logFile, stopSignal: 'SIGINT', ...as,
    args: ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${data}`],
  })
  const url = `postgres://drover:${password}@127.0.0.1:${port}/postgres`
  await ready(child, logFile, 60_000, () => queries(url))
  return { url, child }
}

async function queries(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  await client.query('SELECT 1')
  await client.end()
  return true
}

function idOf(name: string): { uid: number; gid: number } {
  const row = readFileSync('/etc/passwd', 'utf8').split('\n').find((line) => line.startsWith(`${name}:`))?.split(':')
  if (!row) throw new Error(`there is no user ${name} to run Postgres`)
  return { uid: Number(row[2]), gid: Number(row[3]) }
}
