import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { type WebSocket, WebSocketServer } from 'ws'
import type { LiveEvent, LiveLine, LiveMessage, LiveMetric, LiveRequest } from '../../protocol/wire/live.ts'
import type { Agent, Checkpoint, Experiment, Trial, WhyAnswer } from './src/api/shapes.ts'
import { launchOf, type StubHerd } from './stub-herd.ts'

/** What the page is served under, as the master does: no script but its own files. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }
const COOKIE = 'auth=stub-session'

/** What the stub knows; a test changes it and calls `push...`. */
export interface StubWorld extends StubHerd {
  experiments: Experiment[]
  trials: Trial[]
  checkpoints: Checkpoint[]
  agents: Agent[]
  events: LiveEvent[]
  /** of the one task there is */
  lines: LiveLine[]
  metrics: LiveMetric[]
  /** path -> bytes, of every checkpoint */
  files: Record<string, string>
  why: WhyAnswer
  /** what `me` says */
  isAdmin: boolean
}

interface Follower {
  socket: WebSocket
  id: number
  topic: Extract<LiveRequest, { kind: 'subscribe' }>['topic']
}

/** A server that speaks the shapes of the master's API and of its live feed, over a world in memory. */
export class StubMaster {
  readonly world: StubWorld
  /** changing requests as they came: `POST /path` */
  readonly received: string[] = []
  /** subscriptions in the order they came */
  readonly subscribed: Follower['topic'][] = []
  readonly #root: string
  readonly #server: Server
  readonly #sockets = new WebSocketServer({ noServer: true })
  #followers: Follower[] = []

  /** @param root directory of the built page. */
  constructor(world: StubWorld, root: string) {
    this.world = world
    this.#root = root
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.statusCode = 500
        response.end(JSON.stringify({ message: String(error) }))
      })
    })
    this.#server.on('upgrade', (request, socket, head) => {
      if (request.url === '/api/v1/drover/live' && isLoggedIn(request)) this.#sockets.handleUpgrade(request, socket, head, (ws) => this.#accept(ws))
      else socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
    })
  }

  /** @returns the origin, `http://127.0.0.1:<port>`. */
  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.dropSockets()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** As when the master is killed: every live connection breaks. */
  dropSockets(): void {
    this.#followers = []
    for (const socket of this.#sockets.clients) socket.terminate()
  }

  pushLines(...lines: LiveLine[]): void {
    this.world.lines.push(...lines)
    this.#flush()
  }
  pushMetrics(...metrics: LiveMetric[]): void {
    this.world.metrics.push(...metrics)
    this.#flush()
  }
  pushEvents(...events: LiveEvent[]): void {
    this.world.events.push(...events)
    this.#flush()
  }

  #accept(socket: WebSocket): void {
    socket.on('message', (data: Buffer) => {
      const request = JSON.parse(data.toString()) as LiveRequest
      this.#followers = this.#followers.filter((each) => each.socket !== socket || each.id !== request.id)
      if (request.kind === 'unsubscribe') return
      this.subscribed.push(request.topic)
      this.#followers.push({ socket, id: request.id, topic: { ...request.topic } })
      this.#flush()
    })
    socket.on('close', () => {
      this.#followers = this.#followers.filter((each) => each.socket !== socket)
    })
  }

  #flush(): void {
    for (const follower of this.#followers) {
      const message = this.#newsFor(follower)
      if (message === null) continue
      follower.topic.after = message.cursor
      follower.socket.send(JSON.stringify(message))
    }
  }

  #newsFor({ id, topic }: Follower): Extract<LiveMessage, { cursor: number }> | null {
    const fresh = <T extends { id: number }>(all: readonly T[]): T[] => all.filter((item) => item.id > topic.after)
    const cursor = (items: readonly { id: number }[]): number => items.at(-1)?.id ?? topic.after
    if (topic.name === 'events') {
      const items = fresh(this.world.events).filter((event) => topic.experimentId === undefined || event.experimentId === topic.experimentId)
      return items.length === 0 ? null : { kind: 'events', id, cursor: cursor(items), items }
    }
    if (topic.name === 'logs') {
      const items = fresh(this.world.lines)
      return items.length === 0 ? null : { kind: 'logs', id, cursor: cursor(items), items }
    }
    const items = fresh(this.world.metrics)
    return items.length === 0 ? null : { kind: 'metrics', id, cursor: cursor(items), items }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stub')
    if (url.pathname.startsWith('/ui')) return this.#page(url.pathname, response)
    if (request.method === 'POST') return this.#change(request, url, response)
    if (!isLoggedIn(request)) return json(response, { message: 'not logged in' }, 401)
    if (this.#download(url, response)) return
    if (/^\/api\/v1\/trials\/\d+\/logs$/.test(url.pathname)) return void response.end(`${JSON.stringify({ result: { id: String(this.world.lines.at(-1)?.id ?? 0) } })}\n`)
    const body = this.#read(url)
    return body === null ? json(response, { message: `no ${url.pathname}` }, 404) : json(response, body)
  }

  async #change(request: IncomingMessage, url: URL, response: ServerResponse): Promise<void> {
    this.received.push(`POST ${url.pathname}`)
    if (request.headers['x-drover'] !== '1') return json(response, { message: 'x-drover is missing' }, 403)
    if (url.pathname === '/api/v1/auth/login') return this.#logIn(await bodyOf(request), response)
    if (!isLoggedIn(request)) return json(response, { message: 'not logged in' }, 401)
    if (url.pathname === '/api/v1/auth/logout') {
      response.setHeader('set-cookie', 'auth=; Path=/; HttpOnly; Max-Age=0')
      return json(response, {})
    }
    if (url.pathname === '/graphql') return json(response, { data: { experiments: { totalCount: this.world.experiments.length } } })
    if (this.#mend(url.pathname)) return json(response, {})
    const [, id, verb] = /^\/api\/v1\/experiments\/(\d+)\/(pause|activate|cancel|kill)$/.exec(url.pathname) ?? []
    const experiment = this.world.experiments.find((each) => each.id === Number(id))
    if (experiment === undefined) return json(response, { message: `no experiment ${id}` }, 404)
    experiment.state = { pause: 'STATE_PAUSED', activate: 'STATE_ACTIVE', cancel: 'STATE_STOPPING_CANCELED', kill: 'STATE_STOPPING_KILLED' }[verb as string] ?? experiment.state
    return json(response, {})
  }

  /** What an administrator may do about the herd. */
  #mend(path: string): boolean {
    const { pools, alarms } = this.world
    const pool = pools.find((each) => path === `/api/v1/drover/pools/${each.name}/resume`)
    if (pool) Object.assign(pool, { paused: null, cure: '' })
    const isRelease = path === '/api/v1/drover/alarms/brake/release'
    if (isRelease) this.world.alarms = alarms.filter((alarm) => alarm.key !== 'brake')
    return pool !== undefined || isRelease
  }

  #logIn(text: string, response: ServerResponse): void {
    const { username, password, isHashed } = JSON.parse(text) as { username: string; password: string; isHashed: boolean }
    const expected = createHash('sha512').update('GubPEmmotfiK9TMD6Zdw' + 'correct').digest('hex')
    if (username !== 'ada' || !isHashed || password !== expected) return json(response, { message: 'invalid credentials' }, 401)
    response.setHeader('set-cookie', `${COOKIE}; Path=/; HttpOnly; SameSite=Strict`)
    return json(response, { token: 'stub-session', user: this.#user() })
  }

  #read(url: URL): unknown {
    const { world } = this
    const path = url.pathname.replace('/api/v1/', '')
    const id = Number(/\/(\d+)/.exec(path)?.[1])
    if (path === 'me') return { user: this.#user() }
    if (path === 'experiments') return { experiments: world.experiments, pagination: { total: world.experiments.length, offset: 0, limit: 100 } }
    if (path === 'agents') return { agents: world.agents }
    if (path === 'drover/pools') return { pools: world.pools }
    if (path === 'drover/alarms') return { alarms: world.alarms }
    const [, instanceId, why] = /^(?:drover\/instances\/(i-\w+)|drover\/why\/instances\/(i-\w+))$/.exec(path) ?? []
    const instance = world.instances.find((each) => each.id === (instanceId ?? why))
    if (instance) return why ? { summary: `instance ${instance.id} is ${instance.state}`, cure: '', cost: instance.cost, events: [] } : { instance, launch: launchOf(instance), console: 'docker.service failed', events: world.events.filter((each) => each.instanceId === instance.id).reverse() }
    if (path === 'drover/instances') {
      const instances = world.instances.filter((each) => each.state !== 'GONE' || url.searchParams.has('includeGone'))
      return { instances, pagination: { offset: 0, limit: 200, startIndex: 0, endIndex: instances.length, total: instances.length } }
    }
    if (path === 'drover/events') return { events: world.events.slice(-200).reverse(), cursor: world.events.at(-1)?.id ?? 0 }
    if (path === `drover/why/experiments/${id}`) return world.why
    if (path === `trials/${id}`) return { trial: world.trials.find((trial) => trial.id === id) }
    if (path === `drover/experiments/${id}/curves`) return this.#curves(url.searchParams.get('metric') ?? 'validation_loss', url.searchParams.get('group') ?? 'validation')
    const experiment = world.experiments.find((each) => each.id === id)
    if (experiment === undefined) return /^drover\/checkpoints\/[^/]+\/files$/.test(path) ? { files: Object.entries(world.files).map(([name, text]) => ({ name, size: Buffer.byteLength(text) })) } : null
    if (path === `experiments/${id}`) return { experiment, config: experiment.config }
    if (path === `experiments/${id}/trials`) return { trials: world.trials.filter((trial) => trial.experimentId === id) }
    if (path === `experiments/${id}/checkpoints`) return { checkpoints: world.checkpoints }
    return null
  }

  #curves(metric: string, group: string): object {
    const curves = this.world.trials.map((trial) => ({ trialId: trial.id, points: Array.from({ length: 5 }, (_, i) => [100 * (i + 1), (trial.searcherMetricValue ?? 1) + 1 / (i + 1)]) }))
    return { metric, group, metrics: [{ group: 'validation', metric: 'validation_loss' }, { group: 'training', metric: 'loss' }], curves }
  }

  #user(): { id: number; username: string; admin: boolean } {
    return { id: 2, username: 'ada', admin: this.world.isAdmin }
  }

  #download(url: URL, response: ServerResponse): boolean {
    const [, file] = /^\/api\/v1\/drover\/checkpoints\/[^/]+\/files\/(.+)$/.exec(url.pathname) ?? []
    const bytes = file === undefined ? undefined : this.world.files[decodeURIComponent(file)]
    const isArchive = url.pathname.startsWith('/checkpoints/')
    if (bytes === undefined && !isArchive) return false
    response.setHeader('content-type', 'application/octet-stream')
    response.setHeader('content-disposition', isArchive ? `attachment; filename="checkpoint.${url.searchParams.get('format')}"` : 'attachment')
    response.end(isArchive ? `archive ${url.pathname} ${url.search}` : bytes)
    return true
  }

  /** Any path that is no file is the page itself: the router reads the address. */
  async #page(pathname: string, response: ServerResponse): Promise<void> {
    const wanted = normalize(pathname.replace(/^\/ui\/?/, '/'))
    const file = extname(wanted) === '' ? '/index.html' : wanted
    response.setHeader('content-security-policy', POLICY)
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream')
    response.end(await readFile(join(this.#root, file)))
  }
}

function isLoggedIn(request: IncomingMessage): boolean {
  return (request.headers.cookie ?? '').split('; ').includes(COOKIE)
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.statusCode = status
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(body))
}
