import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { callDocker } from '../local/docker-http.ts'
import { SetupError } from '../local/steps.mjs'

/** The image of the examples, from Debian packages: a root file system by mmdebstrap, then imported. */
const PACKAGES = readFileSync(join(import.meta.dirname, 'packages.txt'), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
const SUITE = 'bookworm'
const MMDEBSTRAP = ['--variant=essential', `--include=${PACKAGES.join(',')}`, '--dpkgopt=path-exclude=/usr/share/man/*', '--dpkgopt=path-exclude=/usr/share/locale/*']
const CHANGES = ['ENV PYTHONUNBUFFERED=1', 'CMD ["python3"]']
const DIGEST = createHash('sha256').update(JSON.stringify([SUITE, MMDEBSTRAP, CHANGES])).digest('hex').slice(0, 12)
const NAME = 'drover/trainer'
/** mmdebstrap unpacks here: root's home would be closed to apt's own user, and /tmp may be small */
const WORK = '/var/lib/drover-local/tmp'

/** The same recipe has the same tag. */
export const TRAINER_IMAGE = `${NAME}:${DIGEST}`

export interface TrainerBuild {
  dockerHost: string
  /** keeps the root file system, so that another engine gets it without building it again */
  cacheDir: string
  /** what is being done now, for a status line */
  progress: (text: string) => void
  signal: AbortSignal
}

/** True where the engine has the image of this very recipe; then it also goes by `:latest`. */
export async function hasTrainer(dockerHost: string): Promise<boolean> {
  if ((await callDocker(dockerHost, { method: 'GET', path: `/images/${TRAINER_IMAGE}/json` })).status !== 200) return false
  await nameLatest(dockerHost)
  return true
}

/** A minute and some 60 MB of Debian packages the first time. Gives the tag. */
export async function buildTrainer(build: TrainerBuild): Promise<string> {
  if (await hasTrainer(build.dockerHost)) return TRAINER_IMAGE
  const tar = join(build.cacheDir, `trainer-${DIGEST}.tar`)
  if (!existsSync(tar)) {
    mkdirSync(build.cacheDir, { recursive: true })
    await makeRootFileSystem(`${tar}.new`, build)
    renameSync(`${tar}.new`, tar)
  }
  build.progress('importing')
  const reply = await callDocker(build.dockerHost, {
    method: 'POST', path: '/images/create', query: { fromSrc: '-', repo: NAME, tag: DIGEST, changes: CHANGES }, body: createReadStream(tar), signal: build.signal,
  })
  if (reply.status !== 200 || reply.body.includes('"error"')) throw new SetupError(`the Docker Engine did not import the trainer image: ${reply.status} ${reply.body.trim().slice(-300)}`, 'see whether the disk of the Docker Engine has 500 MB left, then run the same command again')
  await nameLatest(build.dockerHost)
  return TRAINER_IMAGE
}

async function nameLatest(dockerHost: string): Promise<void> {
  const reply = await callDocker(dockerHost, { method: 'POST', path: `/images/${TRAINER_IMAGE}/tag`, query: { repo: NAME, tag: 'latest' } })
  if (reply.status !== 201) throw new Error(`the Docker Engine did not name ${NAME}:latest: ${reply.status} ${reply.body.slice(0, 200)}`)
}

function makeRootFileSystem(tar: string, { progress, signal }: TrainerBuild): Promise<void> {
  mkdirSync(WORK, { recursive: true, mode: 0o755 })
  rmSync(tar, { force: true })
  const last: string[] = []
  const child = spawn('mmdebstrap', [...MMDEBSTRAP, '--format=tar', SUITE, tar], { env: { ...process.env, TMPDIR: WORK }, stdio: ['ignore', 'ignore', 'pipe'], signal, killSignal: 'SIGINT' })
  createInterface({ input: child.stderr }).on('line', (line) => {
    last.push(line)
    if (line.startsWith('I: ')) progress(line.slice(3).replace(/\.+$/, ''))
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) return resolve()
      rmSync(tar, { force: true })
      reject(new SetupError(`mmdebstrap failed (exit ${code}):\n${last.slice(-8).join('\n')}`, 'check the network and the Debian sources of this machine (apt-get update), then run the same command again'))
    })
  })
}
