import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { callDocker } from '../local/docker-http.ts'
import { SetupError, TOOLS } from '../local/steps.mjs'

/**
 * Images from Debian packages: a root file system by mmdebstrap, then imported. `trainer` runs the examples;
 * `trainer-torch` holds PyTorch with gloo, for gangs that train by torchrun; `trainer-determined` also the published
 * `determined` package.
 */
export type Recipe = 'trainer' | 'trainer-torch' | 'trainer-determined'

const SUITE = 'bookworm'
const CHANGES = ['ENV PYTHONUNBUFFERED=1', 'CMD ["python3"]']
/** mmdebstrap unpacks here: root's home would be closed to apt's own user, and /tmp may be small */
const WORK = '/var/lib/drover-local/tmp'

/**
 * Debian's torchrun (PyTorch 1.13) ends at once with its own Python 3.11, which leaves 0 out when it lists the members of a
 * flag; PyTorch 2 has the list written out likewise. Fails where the line is not there to mend.
 */
const MEND_TORCHRUN = 'file="$1/usr/lib/python3/dist-packages/torch/distributed/elastic/multiprocessing/api.py"; grep -q "for s in Std:" "$file" && sed -i "s/for s in Std:/for s in (Std.NONE, Std.OUT, Std.ERR, Std.ALL):/" "$file"'

/** pip of the environment that the exam's own package is in: its Python is that of the image, or pip finds no wheel and says so. */
const PIP = join(process.env['DROVER_TEST_DETERMINED'] ?? join(TOOLS, 'exam/bin'), 'pip')

function mmdebstrapOf(recipe: Recipe): string[] {
  const hooks = recipe === 'trainer' ? [] : [MEND_TORCHRUN, ...(recipe === 'trainer-determined' ? [installPypi(listOf(`${recipe}.pypi.txt`))] : [])]
  return ['--variant=essential', `--include=${listOf(`${recipe}.txt`).join(',')}`, '--dpkgopt=path-exclude=/usr/share/man/*', '--dpkgopt=path-exclude=/usr/share/locale/*', ...hooks.map((hook) => `--customize-hook=${hook}`)]
}

/** Wheels for Debian 12's Python 3.11 alone, and none that the list does not name. */
function installPypi(names: readonly string[]): string {
  return `"$DROVER_PIP" install --quiet --no-deps --no-compile --only-binary=:all: --python-version 3.11 --implementation cp --target "$1/usr/local/lib/python3.11/dist-packages" ${names.join(' ')}`
}

function listOf(name: string): string[] {
  return readFileSync(join(import.meta.dirname, name), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

function digestOf(recipe: Recipe): string {
  return createHash('sha256').update(JSON.stringify([SUITE, mmdebstrapOf(recipe), CHANGES])).digest('hex').slice(0, 12)
}

/** `drover/<recipe>:<digest of the recipe>` */
export function trainerImage(recipe: Recipe): string {
  return `drover/${recipe}:${digestOf(recipe)}`
}

export interface TrainerBuild {
  recipe: Recipe
  dockerHost: string
  /** keeps the root file system, so that another engine gets it without building it again */
  cacheDir: string
  /** what is being done now, for a status line */
  progress: (text: string) => void
  signal: AbortSignal
}

/** True where the engine has the image of this very recipe; then it also goes by `:latest`. */
export async function hasTrainer(dockerHost: string, recipe: Recipe): Promise<boolean> {
  if ((await callDocker(dockerHost, { method: 'GET', path: `/images/${trainerImage(recipe)}/json` })).status !== 200) return false
  await nameLatest(dockerHost, recipe)
  return true
}

/** A minute and some 60 MB of Debian packages the first time, three times that with PyTorch. Gives the tag. */
export async function buildTrainer(build: TrainerBuild): Promise<string> {
  const { recipe, dockerHost } = build
  if (await hasTrainer(dockerHost, recipe)) return trainerImage(recipe)
  const tar = join(build.cacheDir, `${recipe}-${digestOf(recipe)}.tar`)
  if (!existsSync(tar)) {
    mkdirSync(build.cacheDir, { recursive: true })
    await makeRootFileSystem(`${tar}.new`, build)
    renameSync(`${tar}.new`, tar)
  }
  build.progress('importing')
  const reply = await callDocker(dockerHost, {
    method: 'POST', path: '/images/create', query: { fromSrc: '-', repo: `drover/${recipe}`, tag: digestOf(recipe), changes: CHANGES }, body: createReadStream(tar), signal: build.signal,
  })
  if (reply.status !== 200 || reply.body.includes('"error"')) throw new SetupError(`the Docker Engine did not import ${trainerImage(recipe)}: ${reply.status} ${reply.body.trim().slice(-300)}`, 'see whether the disk of the Docker Engine has 1 GB left, then run the same command again')
  await nameLatest(dockerHost, recipe)
  return trainerImage(recipe)
}

async function nameLatest(dockerHost: string, recipe: Recipe): Promise<void> {
  const reply = await callDocker(dockerHost, { method: 'POST', path: `/images/${trainerImage(recipe)}/tag`, query: { repo: `drover/${recipe}`, tag: 'latest' } })
  if (reply.status !== 201) throw new Error(`the Docker Engine did not name drover/${recipe}:latest: ${reply.status} ${reply.body.slice(0, 200)}`)
}

function makeRootFileSystem(tar: string, { recipe, progress, signal }: TrainerBuild): Promise<void> {
  mkdirSync(WORK, { recursive: true, mode: 0o755 })
  rmSync(tar, { force: true })
  const last: string[] = []
  const child = spawn('mmdebstrap', [...mmdebstrapOf(recipe), '--format=tar', SUITE, tar], { env: { ...process.env, TMPDIR: WORK, DROVER_PIP: PIP }, stdio: ['ignore', 'ignore', 'pipe'], signal, killSignal: 'SIGINT' })
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
