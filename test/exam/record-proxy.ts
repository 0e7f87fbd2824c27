import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Recorded {
  method: string
  /** without the query */
  path: string
  status: number
}

/** An HTTP proxy before a master that notes every request with its answer's status. */
export interface RecordProxy {
  url: string
  /** All so far; a program's calls are those that came since its start. */
  calls: readonly Recorded[]
  close(): Promise<void>
}

export async function startRecordProxy(target: string): Promise<RecordProxy> {
  const { hostname, port } = new URL(target)
  const calls: Recorded[] = []
  const server: Server = createServer((incoming, outgoing) => {
    const path = (incoming.url ?? '/').split('?', 1)[0] ?? '/'
    const note = (status: number): number => calls.push({ method: incoming.method ?? '', path, status })
    const onward = request({ host: hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers }, (answer) => {
      note(answer.statusCode ?? 0)
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => {
      note(502)
      outgoing.destroy()
    })
    outgoing.on('close', () => onward.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    close: () => new Promise((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    }),
  }
}
