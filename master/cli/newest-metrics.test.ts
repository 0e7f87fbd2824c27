import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { realClock } from '../../protocol/kit/clock.ts'
import type { LiveRequest } from '../../protocol/wire/live.ts'
import { createClient } from './client.ts'
import { newestMetrics } from './newest-metrics.ts'

test('reports are pushed, and after a cut the feed goes on from its cursor', async () => {
  const server = createServer()
  const feed = new WebSocketServer({ server, path: '/api/v1/drover/live' })
  const asked: LiveRequest[] = []
  const tokens: (string | undefined)[] = []
  feed.on('connection', (socket, request) => {
    tokens.push(request.headers.authorization)
    socket.on('message', (data) => {
      const subscribe = JSON.parse(String(data)) as LiveRequest
      asked.push(subscribe)
      socket.send('not JSON')
      socket.send(JSON.stringify({ kind: 'metrics', id: subscribe.id, cursor: 5 * asked.length, items: [{ id: 5, time: 't', group: 'training', steps: 1, values: { loss: asked.length } }] }))
      if (asked.length === 1) setTimeout(() => socket.terminate(), 20)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = new AbortController()
  const client = createClient({ master: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: 'T', signal: stop.signal })
  const seen: Record<string, unknown>[] = []
  newestMetrics({ client, signal: stop.signal, clock: realClock, random: () => 0, onMetrics: (values) => seen.push(values) }).watch(9)
  await expect.poll(() => seen, { timeout: 5000 }).toEqual([{ loss: 1 }, { loss: 2 }])
  expect(asked.map((one) => (one.kind === 'subscribe' ? one.topic : null))).toEqual([{ name: 'metrics', trialId: 9, after: 0 }, { name: 'metrics', trialId: 9, after: 5 }])
  expect(tokens).toEqual(['Bearer T', 'Bearer T'])
  stop.abort()
  await expect.poll(() => feed.clients.size).toBe(0)
  feed.close()
  server.close()
})
