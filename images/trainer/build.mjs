// Builds the trainer image of the examples from Debian packages: a root file system by mmdebstrap, then `docker import`.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, STATE, works } from '../local/steps.mjs'

const PACKAGES = readFileSync(fileURLToPath(new URL('packages.txt', import.meta.url)), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
const RECIPE = 'v1'

/** `drover/trainer:<hash of the recipe>`: the same recipe is built once for an engine. */
export function trainerImage() {
  return `drover/trainer:${createHash('sha256').update(JSON.stringify([RECIPE, PACKAGES])).digest('hex').slice(0, 12)}`
}

export function hasImage(dockerHost, image) {
  process.env.DOCKER_HOST = dockerHost
  return works('docker', ['image', 'inspect', image])
}

/** Takes a minute and 90 MB of packages; `drover/trainer:latest` names it too. */
export function buildTrainer(dockerHost) {
  const image = trainerImage()
  if (hasImage(dockerHost, image)) return image
  const tar = join(STATE, 'tmp', 'trainer.tar')
  mkdirSync(join(STATE, 'tmp'), { recursive: true })
  const cure = 'check the network and the Debian sources of this machine (apt-get update), then run the same command again'
  run('mmdebstrap', ['--variant=essential', `--include=${PACKAGES.join(',')}`, '--dpkgopt=path-exclude=/usr/share/man/*', '--dpkgopt=path-exclude=/usr/share/locale/*', 'bookworm', tar], { asRoot: true, cure, env: { TMPDIR: join(STATE, 'tmp') } })
  const changes = ['--change', 'ENV PYTHONUNBUFFERED=1', '--change', 'CMD ["python3"]']
  run('docker', ['import', ...changes, tar, image], { env: { DOCKER_HOST: dockerHost }, cure: 'see whether the Docker Engine has space left: docker system df' })
  run('docker', ['tag', image, 'drover/trainer:latest'], { env: { DOCKER_HOST: dockerHost } })
  rmSync(tar, { force: true })
  return image
}
