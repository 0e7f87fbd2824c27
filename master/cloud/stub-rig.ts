import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** Stands where EC2 would: keeps what it was asked and answers as the test says. */
export interface Ec2Stub {
  url: string
  /** parameters of each request, in order */
  calls: URLSearchParams[]
  answer: (call: URLSearchParams, response: ServerResponse) => void
  close(): Promise<void>
}

export async function startStub(): Promise<Ec2Stub> {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const call = new URLSearchParams(body)
      stub.calls.push(call)
      stub.answer(call, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stub: Ec2Stub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    answer: (call, response) => giveError(response, 500, 'NotScripted', call.get('Action') ?? ''),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return stub
}

/** An answer of EC2: the elements of `body` within those that every action has. */
export function giveXml(response: ServerResponse, action: string, body: string): void {
  response.writeHead(200, { 'content-type': 'text/xml' }).end(`<?xml version="1.0"?><${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>${body}</${action}Response>`)
}

export function giveError(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'text/xml' }).end(`<?xml version="1.0"?><Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>r</RequestID></Response>`)
}
