import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { natsConfig } from './nats-config.ts'
import { loadNatsKeys, type NatsKeys } from './nats-keys.ts'

/** For tests: a real nats-server with the printed configuration, on a free port. Needs DROVER_TEST_NATS_SERVER. */
export interface NatsRig {
  url: string
  keys: NatsKeys
  stateDir: string
  /** SIGKILL; `start` brings it back on the same port */
  kill(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
}

export const NATS_SERVER = process.env['DROVER_TEST_NATS_SERVER']
if (!NATS_SERVER) process.stderr.write('DROVER_TEST_NATS_SERVER is not set: tests that need nats-server are skipped\n')

export async function openNatsRig(): Promise<NatsRig> {
  if (!NATS_SERVER) throw new Error('DROVER_TEST_NATS_SERVER is not set')
  const binary = NATS_SERVER
  const stateDir = await mkdtemp(join(tmpdir(), 'drover-nats-'))
  const port = await freePort()
  const keys = await loadNatsKeys(stateDir)
  const conf = join(stateDir, 'nats.conf')
  await writeFile(conf, await natsConfig(keys, `127.0.0.1:${port}`))
  let child: ChildProcess | null = null
  const kill = async (): Promise<void> => {
    const dying = child
    child = null
    if (!dying || dying.exitCode !== null) return
    const gone = new Promise((resolve) => dying.once('exit', resolve))
    dying.kill('SIGKILL')
    await gone
  }
  const start = async (): Promise<void> => {
    child = spawn(binary, ['-c', conf], { stdio: 'ignore' })
    for (let tried = 0; !(await accepts(port)); tried += 1) {
      if (tried > 100) throw new Error('nats-server does not listen')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  await start()
  return {
    url: `nats://127.0.0.1:${port}`, keys, stateDir, kill, start,
    async stop() {
      await kill()
      await rm(stateDir, { recursive: true })
    },
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
