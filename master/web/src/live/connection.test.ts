import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LiveConnection, retryDelayMs, type Socket, type SocketHooks } from './connection.ts'

class FakeSocket implements Socket {
  sent: unknown[] = []
  closed = false
  readonly hooks: SocketHooks
  constructor(hooks: SocketHooks) {
    this.hooks = hooks
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }
  close(): void {
    this.closed = true
    this.hooks.closed()
  }
  push(message: unknown): void {
    this.hooks.message(JSON.stringify(message))
  }
}

const sockets: FakeSocket[] = []
function connection(): LiveConnection {
  sockets.length = 0
  return new LiveConnection((hooks) => {
    const socket = new FakeSocket(hooks)
    sockets.push(socket)
    return socket
  }, () => 0.5)
}
const last = (): FakeSocket => sockets.at(-1) as FakeSocket
const line = (id: number): unknown => ({ id, time: '', level: 'INFO', std: 'stdout', rank: 0, agentId: 'a', containerId: 'c', source: '', log: `l${id}` })

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('LiveConnection', () => {
  it('subscribes again with the newest cursor after a loss', () => {
    const live = connection()
    const seen: number[] = []
    live.subscribe({ name: 'logs', taskId: 'trial-1', after: 0 }, { items: (items) => seen.push(...items.map((item) => item.id)) })
    last().hooks.opened()
    last().push({ kind: 'logs', id: 1, cursor: 2, items: [line(1), line(2)] })
    last().close()
    expect(live.status).toBe('reconnecting')
    vi.advanceTimersByTime(20_000)
    expect(sockets).toHaveLength(2)
    last().hooks.opened()
    expect(live.status).toBe('open')
    expect(last().sent).toEqual([{ kind: 'subscribe', id: 1, topic: { name: 'logs', taskId: 'trial-1', after: 2 } }])
    last().push({ kind: 'logs', id: 1, cursor: 3, items: [line(3)] })
    expect(seen).toEqual([1, 2, 3])
  })

  it('does not ask again for what has ended', () => {
    const live = connection()
    const end = vi.fn()
    live.subscribe({ name: 'metrics', trialId: 7, after: 0 }, { items: () => undefined, end })
    live.subscribe({ name: 'events', after: 5 }, { items: () => undefined })
    last().hooks.opened()
    last().push({ kind: 'end', id: 1, cursor: 9 })
    expect(end).toHaveBeenCalledOnce()
    last().close()
    vi.advanceTimersByTime(20_000)
    last().hooks.opened()
    expect(last().sent).toEqual([{ kind: 'subscribe', id: 2, topic: { name: 'events', after: 5 } }])
  })

  it('gives nothing to a subscription that was ended, and closes when nobody listens', () => {
    const live = connection()
    const items = vi.fn()
    const stop = live.subscribe({ name: 'events', after: 0 }, { items })
    last().hooks.opened()
    stop()
    last().push({ kind: 'events', id: 1, cursor: 1, items: [] })
    expect(items).not.toHaveBeenCalled()
    vi.advanceTimersByTime(5_000)
    expect(last().closed).toBe(true)
    expect(live.status).toBe('idle')
    vi.advanceTimersByTime(60_000)
    expect(sockets).toHaveLength(1)
  })

  it('keeps the connection from one page to the next', () => {
    const live = connection()
    const stop = live.subscribe({ name: 'events', after: 0 }, { items: () => undefined })
    last().hooks.opened()
    stop()
    live.subscribe({ name: 'events', after: 0 }, { items: () => undefined })
    vi.advanceTimersByTime(60_000)
    expect(sockets).toHaveLength(1)
    expect(last().closed).toBe(false)
  })

  it('hands an error to its subscription, or to all where it names none', () => {
    const live = connection()
    const first = vi.fn()
    const second = vi.fn()
    live.subscribe({ name: 'events', after: 0 }, { items: () => undefined, error: first })
    live.subscribe({ name: 'events', after: 0 }, { items: () => undefined, error: second })
    last().hooks.opened()
    last().push({ kind: 'error', id: 2, message: 'no such task' })
    expect(first).not.toHaveBeenCalled()
    expect(second).toHaveBeenCalledWith('no such task')
    last().push({ kind: 'error', id: null, message: 'bad request' })
    expect(first).toHaveBeenCalledWith('bad request')
  })

  it('tries at once when told to', () => {
    const live = connection()
    live.subscribe({ name: 'events', after: 0 }, { items: () => undefined })
    last().close()
    live.retryNow()
    expect(sockets).toHaveLength(2)
    live.retryNow()
    expect(sockets).toHaveLength(2)
  })
})

describe('retryDelayMs', () => {
  it('grows to a cap and is never zero', () => {
    expect(retryDelayMs(0, () => 0)).toBe(200)
    expect(retryDelayMs(0, () => 0.999)).toBeLessThanOrEqual(700)
    expect(retryDelayMs(99, () => 0.999)).toBeLessThanOrEqual(15_200)
  })
})
