/** Foreign errors of the Docker Engine, named once. */
export type DockerErrorKind = 'missing' | 'image-missing' | 'conflict' | 'denied' | 'no-space' | 'bad-request' | 'unreachable' | 'transient'

export class DockerError extends Error {
  override readonly name = 'DockerError'
  readonly kind: DockerErrorKind
  constructor(kind: DockerErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EACCES'])

export function namedDockerError(error: unknown): DockerError {
  if (error instanceof DockerError) return error
  const facts = error as { statusCode?: number; code?: string; reason?: string; json?: { message?: string }; message?: string }
  const message = facts.json?.message ?? facts.message ?? String(error)
  return new DockerError(kindOf(facts.statusCode, facts.code ?? '', message), message, { cause: error })
}

function kindOf(status: number | undefined, code: string, message: string): DockerErrorKind {
  if (/no space left on device/i.test(message)) return 'no-space'
  if (status === 404) return /no such image|manifest unknown|not found: manifest|repository does not exist|pull access denied/i.test(message) ? 'image-missing' : 'missing'
  if (status === 409) return 'conflict'
  if (status === 401 || status === 403) return 'denied'
  if (status === 400) return 'bad-request'
  if (status === undefined && UNREACHABLE.has(code)) return 'unreachable'
  return 'transient'
}

/** What a registry says when a pull fails, as far as it matters whose fault it is. */
export function pullVerdict(message: string): 'absent' | 'denied' | 'unreachable' {
  if (/manifest unknown|not found|does not exist|invalid reference/i.test(message)) return /pull access denied|requires 'docker login'/i.test(message) ? 'denied' : 'absent'
  if (/unauthorized|denied|authentication required|no basic auth/i.test(message)) return 'denied'
  return 'unreachable'
}
