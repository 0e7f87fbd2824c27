import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../../../protocol/kit/log.ts'
import { toFault } from '../answer-errors.ts'
import { errorBody } from '../errors.ts'

/**
 * Sends a stream of `{"result": ...}` lines, as grpc-gateway does. The reader sets the pace; when it goes away or the
 * master stops (`stopping`), the signal that `make` was given aborts. An error becomes the last line.
 */
export function sendStream(request: FastifyRequest, reply: FastifyReply, stopping: AbortSignal, log: Log, make: (signal: AbortSignal) => AsyncGenerator<readonly unknown[]>): FastifyReply {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  const signal = AbortSignal.any([gone.signal, stopping])
  const where = { method: request.method, route: request.routeOptions.url ?? '' }
  return reply.type('application/json; charset=utf-8').header('x-accel-buffering', 'no').send(Readable.from(textOf(make(signal), log, where), { objectMode: false }))
}

async function* textOf(pages: AsyncGenerator<readonly unknown[]>, log: Log, where: object): AsyncGenerator<string> {
  try {
    for await (const page of pages) {
      const text = page.map((item) => `${JSON.stringify({ result: item })}\n`).join('')
      if (text !== '') yield text
    }
  } catch (error) {
    const fault = toFault(error, log, where)
    yield `${JSON.stringify(errorBody(fault.status, fault.message, fault.details))}\n`
  }
}
