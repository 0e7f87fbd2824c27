import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** blackhole: what is sent waits until the line is whole again, as behind a firewall that drops. reset: the connection breaks, new ones too. */
export type LineMode = 'pass' | 'blackhole' | 'reset'

export interface TcpProxyOptions {
  /** port on loopback */
  target: number
  /** who speaks, by the first bytes; null = not to be told yet. Without it everybody is '' */
  nameOf?: (first: Buffer) => string | null
}

/** A line that a test cuts, for each client by itself. */
export interface TcpProxy {
  readonly port: number
  /** for the connections of this client that are there and those that come */
  cut(client: string, mode: LineMode): void
  /** where new connections go from now on; those that are there break */
  retarget(port: number): void
  close(): Promise<void>
}

interface Line {
  client: Socket
  server: Socket
  name: string | null
  /** from the client, until it is known who it is and its line is whole; null = it is let through */
  held: Buffer | null
}

export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  let { target } = options
  const nameOf = options.nameOf ?? (() => '')
  const modes = new Map<string, LineMode>()
  const lines = new Set<Line>()
  const hear = (line: Line, chunk: Buffer): void => {
    if (line.held === null) return void line.server.write(chunk)
    line.held = Buffer.concat([line.held, chunk])
    line.name = nameOf(line.held)
    if (line.name !== null) shape(line, modes.get(line.name) ?? 'pass')
  }
  const take = (client: Socket): void => {
    const line: Line = { client, server: connect(target, '127.0.0.1'), name: null, held: Buffer.alloc(0) }
    lines.add(line)
    client.on('data', (chunk: Buffer) => hear(line, chunk))
    line.server.on('data', (chunk: Buffer) => void client.write(chunk))
    for (const [one, other] of [[client, line.server], [line.server, client]] as const) {
      // a line that breaks is what it is for
      one.on('error', () => undefined)
      one.on('close', () => {
        other.destroy()
        lines.delete(line)
      })
    }
  }
  const server = createServer(take)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: portOf(server),
    cut(client, mode) {
      modes.set(client, mode)
      for (const line of lines) if (line.name === client) shape(line, mode)
    },
    retarget(port) {
      target = port
      for (const line of lines) shape(line, 'reset')
    },
    close: () => new Promise((resolve) => {
      server.close(() => resolve())
      for (const line of lines) shape(line, 'reset')
    }),
  }
}

/** Who is behind a connection to nats-server: the first word of the name in its CONNECT. */
export function natsClient(first: Buffer): string | null {
  const words = /^CONNECT (\{.*\})\r\n/.exec(first.toString('latin1'))?.[1]
  if (words === undefined) return null
  const { name } = JSON.parse(words) as { name?: string }
  return name?.split(' ')[0] ?? ''
}

function shape(line: Line, mode: LineMode): void {
  const { client, server } = line
  if (mode === 'reset') {
    client.resetAndDestroy()
    server.destroy()
  } else if (mode === 'blackhole') {
    for (const socket of [client, server]) socket.pause()
  } else {
    if (line.held !== null) server.write(line.held)
    line.held = null
    for (const socket of [client, server]) socket.resume()
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
