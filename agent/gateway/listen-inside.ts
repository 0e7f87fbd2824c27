import { spawn } from 'node:child_process'
import { readlink } from 'node:fs/promises'
import { Server } from 'node:net'

const DEADLINE_MS = 10_000
/** Binds, hands the listening socket over the IPC channel and ends: no process stays in the container's namespace. */
const BIND = `
process.on('disconnect', () => process.exit())
const server = require('node:net').createServer()
server.on('error', (error) => process.send({ error: error.message }))
server.listen({ host: '127.0.0.1', port: Number(process.argv[1]) }, () => process.send({ ok: true }, server))
`

/** The container's network is the host's own: 127.0.0.1 there is everybody's. */
export class SharedNetworkError extends Error {
  override readonly name = 'SharedNetworkError'
}

/**
 * A listening socket on 127.0.0.1:`port` inside the network namespace of process `pid`, served by this process (D3).
 * Needs the right to enter namespaces (root).
 */
export async function listenInside(pid: number, port: number): Promise<Server> {
  const [theirs, ours] = await Promise.all([readlink(`/proc/${pid}/ns/net`), readlink('/proc/self/ns/net')])
  if (theirs === ours) throw new SharedNetworkError('the container shares the network of its host')
  return await new Promise((resolve, reject) => {
    const child = spawn('nsenter', [`--net=/proc/${pid}/ns/net`, '--', process.execPath, '-e', BIND, '--', String(port)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    })
    let stderr = ''
    let outcome: (() => void) | null = null
    child.stderr?.on('data', (chunk: Buffer) => {
      if (stderr.length < 2_000) stderr += chunk.toString('utf8')
    })
    child.on('error', (error) => reject(new Error(`nsenter could not be run: ${error.message}`, { cause: error })))
    child.on('message', (message, handle) => {
      outcome = handle instanceof Server ? () => resolve(handle) : () => reject(new Error(`127.0.0.1:${port} could not be bound in the container's network: ${errorOf(message)}`))
      child.disconnect()
    })
    child.on('exit', (code, signal) => outcome ? outcome() : reject(new Error(`nsenter ended (${signal ?? `exit code ${code}`}) before the gateway's port was bound: ${stderr.trim().slice(0, 500)}`)))
  })
}

function errorOf(message: unknown): string {
  return typeof message === 'object' && message !== null && 'error' in message ? String(message.error) : 'no socket was handed over'
}
