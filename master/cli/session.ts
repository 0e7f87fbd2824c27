import { createClient } from './client.ts'
import type { Client } from './client.ts'
import type { Credentials } from './credentials.ts'
import { CliError, EXIT } from './fail.ts'
import { hashPassword } from './hash-password.ts'

/** POST /api/v1/auth/login; the token is kept for the next command. */
export async function logIn(options: { master: string; user: string; password: string; credentials: Credentials; signal: AbortSignal }): Promise<Client> {
  const { master, user, signal } = options
  const anonymous = createClient({ master, token: null, signal })
  const { token } = await anonymous.post<{ token: string }>('/api/v1/auth/login', { username: user, password: hashPassword(options.password), isHashed: true }).catch((error: unknown) => {
    if (!(error instanceof CliError) || error.exit !== EXIT.denied) throw error
    throw new CliError(EXIT.denied, `the log-in as ${user} was refused: ${error.message}`, 'check user (-u or DROVER_USER) and password')
  })
  await options.credentials.save(master, user, token)
  return createClient({ master, token, signal })
}

/** A client with the kept token; else one logged in from DROVER_USER and DROVER_PASS; else exit 3. */
export async function openSession(options: { master: string; user: string | null; env: NodeJS.ProcessEnv; credentials: Credentials; signal: AbortSignal }): Promise<Client> {
  const { master, credentials, signal, env } = options
  const user = options.user ?? (env['DROVER_USER'] || null)
  const kept = await credentials.find(master, user)
  const password = env['DROVER_PASS']
  if (kept === null) {
    if (user !== null && password !== undefined) return logIn({ master, user, password, credentials, signal })
    throw new CliError(EXIT.denied, `not logged in at ${master}${user === null ? '' : ` as ${user}`}`, `run: drover login -m ${master}${user === null ? '' : ` -u ${user}`}`)
  }
  const client = createClient({ master, token: kept.token, signal })
  if (password === undefined || user !== kept.user) return client
  return renewing(client, () => logIn({ master, user, password, credentials, signal }))
}

/** Where a password is at hand, an ended session is no reason to stop: one log-in, then the same call again. */
function renewing(first: Client, renew: () => Promise<Client>): Client {
  let renewed: Promise<Client> | null = null
  async function attempt<T>(act: (client: Client) => Promise<T>): Promise<T> {
    if (renewed !== null) return act(await renewed)
    try {
      return await act(first)
    } catch (error) {
      if (!(error instanceof CliError) || error.exit !== EXIT.denied) throw error
      renewed = renew()
      return act(await renewed)
    }
  }
  return {
    master: first.master,
    get token() {
      return first.token
    },
    get: (path, query) => attempt((client) => client.get(path, query)),
    post: (path, body, timeoutMs) => attempt((client) => client.post(path, body, timeoutMs)),
    async *stream(path, query, signal) {
      // A stream opens lazily: one cheap call first, so that an ended session shows before it.
      await attempt((client) => client.get('/api/v1/me'))
      yield* (renewed === null ? first : await renewed).stream(path, query, signal)
    },
    bytes: (path, query, signal) => attempt((client) => client.bytes(path, query, signal)),
  }
}
