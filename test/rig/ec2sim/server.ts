import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { answerCall, type Parts } from './answer-call.ts'
import { answerControl, CONTROL } from './control.ts'
import type { Controls } from './door.ts'
import { parseForm } from './form.ts'

/** Listens on loopback: EC2's calls are answered here, `/_ec2sim/` is the control port, all else goes on to moto. */
export async function serve(parts: Parts, sim: Controls, port: number, signal: AbortSignal): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((incoming, outgoing) => {
    void route(incoming, outgoing).catch((error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      if (outgoing.headersSent) outgoing.destroy()
      else outgoing.writeHead(502, { 'content-type': 'text/plain' }).end(`ec2sim failed: ${text}`)
    })
  })
  const route = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    if (incoming.url?.startsWith(CONTROL)) {
      const told = JSON.stringify(await answerControl(sim, incoming.method ?? 'GET', incoming.url, await bodyOf(incoming)))
      return void outgoing.writeHead(200, { 'content-type': 'application/json' }).end(told)
    }
    const region = ec2Region(incoming)
    if (region === null) return parts.world.moto.pass(incoming, outgoing)
    const answer = await answerCall(parts, parseForm(await bodyOf(incoming)), region, signal)
    if (!answer) outgoing.destroy()
    else outgoing.writeHead(answer.status, answer.headers).end(answer.body)
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : port}`,
    close: () => new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    }),
  }
}

/** The region where the signature is made for EC2; null = another service. */
function ec2Region({ method, headers }: IncomingMessage): string | null {
  if (method !== 'POST') return null
  return /Credential=[^/]+\/\d{8}\/([\w-]+)\/ec2\/aws4_request/.exec(headers.authorization ?? '')?.[1] ?? null
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
