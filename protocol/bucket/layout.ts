/**
 * Keys of the bucket (DESIGN section 7), the same for agent and master: a format that outlives both.
 * `<prefix>/<cluster>/experiments/<id>-<slug>/trials/<id>/checkpoints/...`
 */
export function clusterRoot(prefix: string, cluster: string): string {
  return join(prefix, cluster)
}

export function clusterKey(prefix: string, cluster: string): string {
  return join(clusterRoot(prefix, cluster), 'cluster.json')
}

/** `slug` is frozen when the experiment is made, so that a rename moves nothing. */
export function experimentRoot(prefix: string, cluster: string, experiment: { id: number; slug: string }): string {
  return join(clusterRoot(prefix, cluster), 'experiments', `${experiment.id}-${experiment.slug}`)
}

export function trialRoot(prefix: string, cluster: string, experiment: { id: number; slug: string }, trial: number): string {
  return join(experimentRoot(prefix, cluster, experiment), 'trials', String(trial))
}

/** Where the bytes of one attempt's checkpoint go, by the agent. Determined's storage prefix is `attemptRoot`. */
export function attemptRoot(root: string, epoch: number, ordinal: number): string {
  return join(root, 'checkpoints', `e${epoch}-${ordinal}`)
}

/** Text before every key that an attempt wrote, whatever the ordinal. */
export function attemptsPrefix(root: string, epoch: number): string {
  return join(root, 'checkpoints', `e${epoch}-`)
}

/** Whose manifest lies at a key below `attemptsPrefix`; null when it is no manifest's. */
export function parseManifestKey(root: string, epoch: number, key: string): { ordinal: number; uuid: string; prefix: string } | null {
  const start = attemptsPrefix(root, epoch)
  const match = key.startsWith(start) ? MANIFEST_BELOW.exec(key.slice(start.length)) : null
  const [, ordinal, uuid] = match ?? []
  return ordinal === undefined || uuid === undefined ? null : { ordinal: Number(ordinal), uuid, prefix: checkpointPrefix(root, epoch, Number(ordinal), uuid) }
}

export function checkpointPrefix(root: string, epoch: number, ordinal: number, uuid: string): string {
  return join(attemptRoot(root, epoch, ordinal), uuid)
}

export function manifestKey(prefix: string): string {
  return join(prefix, MANIFEST)
}

/** The list of one member's files of a gang's checkpoint, until the manifest of all is there. */
export function partKey(root: string, epoch: number, ordinal: number, uuid: string, rank: number): string {
  return join(attemptRoot(root, epoch, ordinal), `${uuid}.parts`, `${rank}.json`)
}

export function tensorboardPrefix(root: string): string {
  return join(root, 'tensorboard')
}

/** What a person browses: written by the master, after the commit. */
export function pointerKey(root: string, steps: number, uuid: string): string {
  return join(root, 'checkpoints', `${String(steps).padStart(12, '0')}-${uuid}.json`)
}

export const MANIFEST = 'manifest.json'
const MANIFEST_BELOW = /^([1-9]\d{0,8})\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/manifest\.json$/

export function slugOf(name: string): string {
  const slug = name.toLowerCase().normalize('NFKD').replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40)
  return slug.replace(/-+$/, '') || 'experiment'
}

function join(...parts: string[]): string {
  return parts.map((part) => part.replace(/^\/+|\/+$/g, '')).filter((part) => part !== '').join('/')
}
