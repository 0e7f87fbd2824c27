import type { WebSocket } from 'ws'
import { backoffMs } from '../../protocol/kit/backoff.ts'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { LiveMessage, LiveMetric, LiveRequest } from '../../protocol/wire/live.ts'
import type { Client } from './client.ts'

export interface NewestMetrics {
  /** subscribe to the reports of this trial */
  watch(trialId: number): void
}

export interface NewestMetricsOptions {
  client: Client
  signal: AbortSignal
  clock: Clock
  random: () => number
  onMetrics: (values: Record<string, unknown>) => void
}

/**
 * Metric reports pushed over the live feed, with the cursor kept over reconnects. Only the status line is fed by
 * it: where the feed cannot be had, polling alone goes on.
 */
export function newestMetrics(options: NewestMetricsOptions): NewestMetrics {
  const cursors = new Map<number, number>()
  let socket: WebSocket | null = null
  let running = false

  function subscribe(trialId: number): void {
    const request: LiveRequest = { kind: 'subscribe', id: trialId, topic: { name: 'metrics', trialId, after: cursors.get(trialId) ?? 0 } }
    if (socket?.readyState === 1) socket.send(JSON.stringify(request))
  }

  function receive(text: string): void {
    const message = parse(text)
    if (message === null || message.kind !== 'metrics') return
    cursors.set(message.id, Math.max(cursors.get(message.id) ?? 0, message.cursor))
    const values = Object.assign({}, ...message.items.map((item: LiveMetric) => item.values)) as Record<string, unknown>
    if (message.items.length > 0) options.onMetrics(values)
  }

  async function run(): Promise<void> {
    const { WebSocket } = await import('ws')
    for (let failures = 1; !options.signal.aborted; failures += 1) {
      await new Promise<void>((resolve) => {
        const { client } = options
        const next = new WebSocket(`${client.master.replace(/^http/, 'ws')}/api/v1/drover/live`, { headers: client.token === null ? {} : { authorization: `Bearer ${client.token}` }, handshakeTimeout: 10_000, maxPayload: 16 * 2 ** 20 })
        const close = (): void => next.terminate()
        options.signal.addEventListener('abort', close, { once: true })
        next.on('open', () => {
          socket = next
          failures = 0
          for (const trialId of cursors.keys()) subscribe(trialId)
        })
        next.on('message', (data) => receive(String(data)))
        next.on('error', close)
        next.on('close', () => {
          socket = null
          options.signal.removeEventListener('abort', close)
          resolve()
        })
        if (options.signal.aborted) close()
      })
      await options.clock.sleep(backoffMs(failures, options.random, { baseMs: 500, capMs: 15_000, floorMs: 200 }), options.signal)
    }
  }

  return {
    watch(trialId) {
      if (!cursors.has(trialId)) cursors.set(trialId, 0)
      subscribe(trialId)
      if (running) return
      running = true
      // run() rejects only when the package itself cannot be loaded; the status line then lives on polling
      run().catch(() => undefined)
    },
  }
}

function parse(text: string): LiveMessage | null {
  try {
    return JSON.parse(text) as LiveMessage
  } catch {
    return null
  }
}
