import type { LiveEvent, LiveLine, LiveMessage, LiveMetric, LiveRequest } from '../../../../protocol/wire/live.ts'

type LiveTopic = Extract<LiveRequest, { kind: 'subscribe' }>['topic']
interface ItemOf {
  events: LiveEvent
  logs: LiveLine
  metrics: LiveMetric
}
type LiveItem<T extends LiveTopic> = ItemOf[T['name']]

/** idle: nobody listens. reconnecting: the connection was lost or refused and is tried again. */
export type LiveStatus = 'idle' | 'connecting' | 'open' | 'reconnecting'

interface LiveHandlers<T extends LiveTopic> {
  items: (items: LiveItem<T>[]) => void
  /** the task is over and all of it has arrived */
  end?: () => void
  error?: (message: string) => void
}

/** What this file needs of a WebSocket. After `closed` the socket says no more. */
export interface Socket {
  send(text: string): void
  close(): void
}
export interface SocketHooks {
  opened: () => void
  message: (text: string) => void
  closed: () => void
}
export type OpenSocket = (hooks: SocketHooks) => Socket

interface Subscription {
  topic: LiveTopic
  items: (items: unknown[]) => void
  end: () => void
  error: (message: string) => void
}

const RETRY_BASE_MS = 500
const RETRY_CAP_MS = 15_000
/** Leaving a page and entering the next takes a moment: the connection is kept over it. */
const LINGER_MS = 2_000

/** Full jitter, so that a thousand open pages do not come back in one moment after a restart of the master. */
export function retryDelayMs(attempt: number, random: () => number): number {
  return 200 + Math.floor(random() * Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** Math.min(attempt, 16)))
}

/**
 * One WebSocket for all that a page follows. Each subscription keeps its newest cursor and is made again with it
 * after a reconnect, so that nothing is lost or doubled.
 */
export class LiveConnection {
  readonly #open: OpenSocket
  readonly #random: () => number
  readonly #subscriptions = new Map<number, Subscription>()
  readonly #watchers = new Set<() => void>()
  #socket: Socket | null = null
  #status: LiveStatus = 'idle'
  #attempt = 0
  #nextId = 1
  #timer: ReturnType<typeof setTimeout> | null = null

  constructor(open: OpenSocket, random: () => number) {
    this.#open = open
    this.#random = random
  }

  get status(): LiveStatus {
    return this.#status
  }

  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** @returns the function that ends the subscription; `handlers` hear nothing after it. */
  subscribe<T extends LiveTopic>(topic: T, handlers: LiveHandlers<T>): () => void {
    const id = this.#nextId++
    this.#subscriptions.set(id, {
      topic: { ...topic },
      // The topic's name decides what the items are: see LiveMessage.
      items: (items) => handlers.items(items as LiveItem<T>[]),
      end: () => handlers.end?.(),
      error: (message) => handlers.error?.(message),
    })
    if (this.#status === 'open') this.#sendSubscribe(id, topic)
    else if (this.#socket === null && this.#status !== 'reconnecting') this.#connect('connecting')
    return () => this.#unsubscribe(id)
  }

  /** Tries at once instead of at the end of the delay: the network is back, or the page is seen again. */
  retryNow(): void {
    if (this.#status !== 'reconnecting' || this.#socket !== null) return
    this.#connect('reconnecting')
  }

  #unsubscribe(id: number): void {
    if (!this.#subscriptions.delete(id)) return
    if (this.#status === 'open') this.#send({ kind: 'unsubscribe', id })
    if (this.#subscriptions.size === 0) this.#after(LINGER_MS, () => this.#closeIfUnused())
  }

  #closeIfUnused(): void {
    if (this.#subscriptions.size > 0) return
    const socket = this.#socket
    this.#socket = null
    socket?.close()
    this.#attempt = 0
    this.#become('idle')
  }

  #connect(status: 'connecting' | 'reconnecting'): void {
    this.#clearTimer()
    // A hook of a socket that is no longer ours is deaf.
    const socket: Socket = this.#open({
      opened: () => this.#opened(socket),
      message: (text) => socket === this.#socket && this.#receive(text),
      closed: () => this.#lost(socket),
    })
    this.#socket = socket
    this.#become(status)
  }

  #opened(socket: Socket): void {
    if (socket !== this.#socket) return
    this.#become('open')
    for (const [id, subscription] of this.#subscriptions) this.#sendSubscribe(id, subscription.topic)
  }

  #lost(socket: Socket): void {
    if (socket !== this.#socket) return
    this.#socket = null
    if (this.#subscriptions.size === 0) return this.#become('idle')
    this.#become('reconnecting')
    this.#after(retryDelayMs(this.#attempt++, this.#random), () => this.#connect('reconnecting'))
  }

  #receive(text: string): void {
    const message = JSON.parse(text) as LiveMessage
    // Only a message proves that the master serves: a proxy may accept and drop.
    this.#attempt = 0
    const subscription = message.id === null ? undefined : this.#subscriptions.get(message.id)
    if (message.kind === 'error') return this.#fail(subscription, message.message)
    if (subscription === undefined) return
    subscription.topic = { ...subscription.topic, after: message.cursor }
    if (message.kind !== 'end') return subscription.items(message.items)
    if (message.id !== null) this.#subscriptions.delete(message.id)
    subscription.end()
  }

  #fail(subscription: Subscription | undefined, message: string): void {
    if (subscription) return subscription.error(message)
    for (const each of this.#subscriptions.values()) each.error(message)
  }

  #sendSubscribe(id: number, topic: LiveTopic): void {
    this.#send({ kind: 'subscribe', id, topic })
  }

  #send(request: LiveRequest): void {
    this.#socket?.send(JSON.stringify(request))
  }

  #become(status: LiveStatus): void {
    if (status === this.#status) return
    this.#status = status
    for (const watcher of this.#watchers) watcher()
  }

  #after(ms: number, run: () => void): void {
    this.#clearTimer()
    this.#timer = setTimeout(() => {
      this.#timer = null
      run()
    }, ms)
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
