import { randomUUID } from 'node:crypto'
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import { BucketError } from '../../protocol/bucket/door.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { ExperimentRefused } from '../store/refused.ts'
import { isTransient } from '../store/failures.ts'
import { UUID_PATTERN } from '../../protocol/wire/scalars.ts'
import { ApiFault, errorBody } from './errors.ts'

/** Every error becomes Determined's body; what nobody expected becomes 500 with an id that stands in the log, and nothing else. */
export function answerErrors(app: FastifyInstance, log: Log): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const fault = toFault(error, log, { method: request.method, route: request.routeOptions.url ?? '' })
    return sendFault(reply, fault)
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? ''
    return sendFault(reply, new ApiFault(404, `there is no route ${request.method} ${path.slice(0, 200)}: see /api/v1 of Determined 0.38.1, or upgrade the master`))
  })
}

export function sendFault(reply: FastifyReply, fault: ApiFault): FastifyReply {
  if (fault.retryAfter !== null) void reply.header('retry-after', fault.retryAfter)
  return reply.code(fault.status).type('application/json; charset=utf-8').send(errorBody(fault.status, fault.message, fault.details))
}

export function toFault(error: unknown, log: Log, where: object): ApiFault {
  if (error instanceof ApiFault) return error
  if (error instanceof ExperimentRefused) return new ApiFault(400, error.message, { details: [{ path: error.path, message: error.message }] })
  if (isTransient(error)) {
    log.warn({ ...where, err: error }, 'request failed because the database could not be reached')
    return new ApiFault(503, 'the database cannot be reached at the moment: try again in a few seconds', { retryAfter: 2 })
  }
  if (error instanceof BucketError) return fromBucket(error, log, where)
  return fromFastify(error) ?? unexpected(error, log, where)
}

function fromBucket(error: BucketError, log: Log, where: object): ApiFault {
  log.warn({ ...where, kind: error.kind, err: error }, 'request failed at the bucket')
  if (error.kind === 'missing') return new ApiFault(404, 'the file is no longer in the bucket: somebody removed it there')
  if (error.kind === 'denied') return new ApiFault(502, 'the bucket refused the master: give its role s3:GetObject and s3:ListBucket on the cluster\'s prefix')
  return new ApiFault(503, `the bucket cannot be read at the moment (${error.kind}): try again in a few seconds`, { retryAfter: 5 })
}

/** Errors of the HTTP layer itself: validation, body too large, malformed JSON. */
function fromFastify(error: unknown): ApiFault | null {
  if (!(error instanceof Error)) return null
  if ('validation' in error && Array.isArray(error.validation)) return new ApiFault(400, validationMessage(error as FastifyError))
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 0
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new ApiFault(413, 'the request is too large: a model definition may have 95 MiB, any other request 1 MiB')
  if (status >= 400 && status < 500) return new ApiFault(status, error.message)
  return null
}

function validationMessage(error: FastifyError): string {
  const where = error.validationContext === 'body' ? '' : `${error.validationContext === 'querystring' ? 'query' : (error.validationContext ?? '')} `
  const words = (error.validation ?? []).map((mistake) => {
    const path = mistake.instancePath.replace(/^\//, '').replaceAll('/', '.')
    const missing = mistake.keyword === 'required' && typeof mistake.params['missingProperty'] === 'string' ? mistake.params['missingProperty'] : null
    if (missing) return `${where}${path ? `${path}.` : ''}${missing} is missing: it is required`
    if (mistake.keyword === 'pattern' && mistake.params['pattern'] === UUID_PATTERN) return `${where}${path || 'value'} is no UUID: copy it whole from a list`
    return `${where}${path || 'value'} ${mistake.message ?? 'is wrong'}`
  })
  return words.join('; ')
}

function unexpected(error: unknown, log: Log, where: object): ApiFault {
  const errorId = randomUUID()
  log.error({ ...where, errorId, err: error }, 'request failed unexpectedly')
  return new ApiFault(500, `internal error ${errorId}: the master's log tells more under this id`)
}
