/**
 * missing: no such container. image-missing: not in the registry. denied: the registry refuses us. registry-unreachable:
 * the network between. unreachable: the engine itself. not-running: nothing to signal. already: it is so. invalid: refused as malformed.
 */
export type DockerErrorKind =
  | 'missing' | 'image-missing' | 'conflict' | 'denied' | 'not-running' | 'already' | 'invalid' | 'no-space' | 'registry-unreachable' | 'unreachable' | 'timeout' | 'aborted' | 'server'

/** Foreign errors of Docker, named once; steps switch on `kind`. `message` is Docker's own sentence. */
export class DockerError extends Error {
  override readonly name = 'DockerError'
  readonly kind: DockerErrorKind
  constructor(kind: DockerErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** A model definition that must not be unpacked; the text names the entry or the limit. Final: the same bytes come again. */
export class ModelDefinitionError extends Error {
  override readonly name = 'ModelDefinitionError'
}

export function isDockerError(error: unknown, ...kinds: DockerErrorKind[]): error is DockerError {
  return error instanceof DockerError && kinds.includes(error.kind)
}

const ENGINE_CODES = ['ECONNREFUSED', 'ENOENT', 'EACCES', 'ECONNRESET', 'EPIPE']

/** Names an error thrown by dockerode for a call about a container or the engine. */
export function nameDockerError(error: unknown): DockerError {
  if (error instanceof DockerError) return error
  const { statusCode, code, message } = factsOf(error)
  const named = (kind: DockerErrorKind): DockerError => new DockerError(kind, message, { cause: error })
  if (code === 'ABORT_ERR') return named('aborted')
  if (statusCode === undefined) return named(code !== undefined && ENGINE_CODES.includes(code) ? 'unreachable' : 'server')
  if (/no space left on device/i.test(message)) return named('no-space')
  if (/invalid reference format|repository name must be/i.test(message)) return named('invalid')
  if (statusCode === 304) return named('already')
  if (statusCode === 404) return named(/no such image/i.test(message) ? 'image-missing' : 'missing')
  if (statusCode === 409) return named(/is not running/i.test(message) ? 'not-running' : 'conflict')
  if (statusCode === 400) return named('invalid')
  return named('server')
}

/** Names what a pull said, in its answer or in its stream: registries differ, the sentences are Docker's. */
export function namePullError(message: string, cause?: unknown): DockerError {
  const named = (kind: DockerErrorKind): DockerError => new DockerError(kind, message, { cause })
  if (/no space left on device/i.test(message)) return named('no-space')
  if (/pull access denied|unauthorized|authentication required|access to the resource is denied|forbidden/i.test(message)) return named('denied')
  if (/manifest unknown|manifest for .* not found|not found|repository does not exist|no matching manifest/i.test(message)) return named('image-missing')
  if (/invalid reference format|repository name must be/i.test(message)) return named('invalid')
  if (/dial tcp|no such host|lookup |timeout|timed out|connection refused|connection reset|network is unreachable|TLS|x509|EOF|Client\.Timeout|proxyconnect|toomanyrequests|rate limit|50[0234]/i.test(message)) return named('registry-unreachable')
  return named('server')
}

function factsOf(error: unknown): { statusCode: number | undefined; code: string | undefined; message: string } {
  if (!(error instanceof Error)) return { statusCode: undefined, code: undefined, message: String(error) }
  const statusCode = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined
  const aborted = error.name === 'AbortError' || error.name === 'TimeoutError'
  const code = aborted ? 'ABORT_ERR' : 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { statusCode, code, message: error.message.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim() }
}
