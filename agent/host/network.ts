import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { networkInterfaces } from 'node:os'

/** Below the range from which the kernel gives ports to outgoing connections (32768 on), so that none of them takes one. */
const PORTS = { from: 20_000, to: 32_000 }
const TRIES = 200

/** The address that this host uses on its way to `url`. Nothing is sent: a connected UDP socket only asks the routes. */
export function addressTowards(url: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    socket.once('error', (error) => {
      socket.close()
      reject(new Error(`no route to the master at ${url}, so no address of this host to give to the gang: set DROVER_ADVERTISE_ADDRESS (${error.message})`))
    })
    socket.connect(Number(port || 443), host, () => {
      const { address } = socket.address()
      socket.close()
      resolve(address)
    })
  })
}

/** The network interface of this host that has the address; undefined where it is another's, as behind NAT. */
export function interfaceOf(address: string): string | undefined {
  return Object.entries(networkInterfaces()).find(([, all]) => all?.some((one) => one.address === address))?.[0]
}

/** The first of `count` in a row that nothing listens on and that are not in `given`. They are not held: what is given must be remembered by the caller. */
export async function freePort(given: ReadonlySet<number>, random: () => number, count = 1): Promise<number> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const port = PORTS.from + Math.floor(random() * (PORTS.to - PORTS.from))
    if (await areFree(Array.from({ length: count }, (_, index) => port + index), given)) return port
  }
  throw new Error(`no free port from ${PORTS.from} to ${PORTS.to} in ${TRIES} tries`)
}

async function areFree(ports: readonly number[], given: ReadonlySet<number>): Promise<boolean> {
  if (ports.some((port) => given.has(port))) return false
  return (await Promise.all(ports.map(isFree))).every(Boolean)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
