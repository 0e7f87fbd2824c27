import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { natsClient, startTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { until } from './processes.ts'

let echo: Server
let proxy: TcpProxy
const sockets: Socket[] = []

beforeEach(async () => {
  echo = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  proxy = await startTcpProxy({ target: (echo.address() as AddressInfo).port, nameOf: natsClient })
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await proxy.close()
  await new Promise((resolve) => echo.close(resolve))
})

interface Speaker { socket: Socket; said: () => string; broken: () => boolean }

async function dial(name: string): Promise<Speaker> {
  const socket = connect(proxy.port, '127.0.0.1')
  sockets.push(socket)
  let said = ''
  let broken = false
  socket.on('data', (chunk: Buffer) => (said += chunk.toString()))
  socket.on('error', () => undefined)
  socket.on('close', () => (broken = true))
  await once(socket, 'connect')
  socket.write(`CONNECT {"name":"${name} control"}\r\n`)
  return { socket, said: () => said, broken: () => broken }
}

const hears = (one: Speaker, word: string): Promise<void> => until(`"${word}" comes back`, 2_000, async () => one.said().includes(word), 10)
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 100))

test('a client that is cut off hears nothing until its line is whole, then all of it; others go on', async () => {
  const [cut, other] = await Promise.all([dial('a'), dial('b')])
  await Promise.all([hears(cut, 'CONNECT'), hears(other, 'CONNECT')])
  proxy.cut('a', 'blackhole')
  cut.socket.write('lost?')
  other.socket.write('heard')
  await hears(other, 'heard')
  await settle()
  expect(cut.said()).not.toContain('lost?')
  const late = await dial('a')
  await settle()
  expect(late.said()).toBe('')
  proxy.cut('a', 'pass')
  await hears(cut, 'lost?')
  await hears(late, 'CONNECT')
})

test('reset breaks what is there and what comes; retarget breaks all of it once', async () => {
  const [cut, other] = await Promise.all([dial('a'), dial('b')])
  await Promise.all([hears(cut, 'CONNECT'), hears(other, 'CONNECT')])
  proxy.cut('a', 'reset')
  await until('it breaks', 2_000, async () => cut.broken(), 10)
  const late = await dial('a')
  await until('a new one breaks too', 2_000, async () => late.broken(), 10)
  expect(other.broken()).toBe(false)
  proxy.cut('a', 'pass')
  proxy.retarget((echo.address() as AddressInfo).port)
  await until('all break', 2_000, async () => other.broken(), 10)
  await hears(await dial('a'), 'CONNECT')
})
