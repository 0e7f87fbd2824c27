import { backoffMs } from '../../protocol/kit/backoff.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { openLink, type Link, type LinkMessage } from '../../protocol/link.ts'

/** The master's side of NATS. Opens in the background and stays open for ever; publishing while it is down is lost. */
export interface Bus {
  publish(subject: string): void
  connected(): boolean
  /** Resolves when the connection is drained after `signal`. */
  ended: Promise<void>
}

export interface BusOptions {
  urls: readonly string[]
  inboxPrefix: string
  credentials: () => { jwt: string; seed: string }
  subscriptions: readonly { subject: string; queue?: string; onMessage: (message: LinkMessage) => void }[]
  signal: AbortSignal
  clock: Clock
  random: () => number
  log: Log
}

const DRAIN_MS_MAX = 2_000

export function openBus(options: BusOptions): Bus {
  let link: Link | null = null
  let up = false
  return {
    publish(subject) {
      if (up && link && !link.isClosed()) link.publish(subject)
    },
    connected: () => up,
    ended: run(),
  }

  async function run(): Promise<void> {
    for (let attempt = 0; !options.signal.aborted; attempt += 1) {
      try {
        link = await untilAborted(openLink({ urls: options.urls, name: 'drover-master', inboxPrefix: options.inboxPrefix, credentials: options.credentials, log: options.log }))
        if (link === null) return
        attempt = 0
        await serve(link)
      } catch (error) {
        options.log.warn({ err: error }, 'nats could not be reached, will be tried again')
      }
      up = false
      await options.clock.sleep(backoffMs(attempt, options.random, { baseMs: 250, capMs: 5_000, floorMs: 100 }), options.signal)
    }
  }

  async function serve(open: Link): Promise<void> {
    for (const { subject, queue, onMessage } of options.subscriptions) {
      open.subscribe(subject, { ...(queue === undefined ? {} : { queue }), callback: (error, message) => {
        if (error) options.log.warn({ subject, err: error }, 'nats refused a subscription')
        else onMessage(message)
      } })
    }
    up = true
    options.log.info({ urls: options.urls }, 'nats is reached')
    void watch(open)
    const stop = (): void => void drain(open)
    options.signal.addEventListener('abort', stop)
    if (options.signal.aborted) stop()
    await open.closed()
    options.signal.removeEventListener('abort', stop)
  }

  /** A server that is away never takes the last answers: after a while, or at once where it is known to be away, the link closes. */
  async function drain(open: Link): Promise<void> {
    const done = new AbortController()
    const drained = up ? open.drain().catch((error: unknown) => options.log.debug({ err: error }, 'nats was closed before it was drained')) : Promise.resolve()
    await Promise.race([drained, options.clock.sleep(DRAIN_MS_MAX, done.signal)])
    done.abort()
    await open.close()
  }

  async function watch(open: Link): Promise<void> {
    for await (const status of open.status()) {
      if (status.type === 'disconnect') up = false
      if (status.type === 'reconnect') up = true
    }
  }

  /** A dial that never succeeds must not keep the program from ending; one that succeeds too late is closed. */
  function untilAborted(dial: Promise<Link>): Promise<Link | null> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        resolve(null)
        dial.then((late) => late.close()).catch((error: unknown) => options.log.debug({ err: error }, 'a late dial failed'))
      }
      options.signal.addEventListener('abort', stop, { once: true })
      dial.then(resolve, reject).finally(() => options.signal.removeEventListener('abort', stop))
    })
  }
}
