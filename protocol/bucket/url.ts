import { isAbsolute } from 'node:path'
import type { Storage } from '../wire/spec.ts'
import { keyMistake } from './key.ts'

const BUCKET = /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/
const FORMS = 's3://bucket/prefix?endpoint=URL&region=R or file:///path'

/**
 * Reads the one-line form of a checkpoint storage, as settings give it. Throws a RangeError that names the mistake
 * and the forms allowed.
 */
export function storageFromUrl(text: string): Storage {
  if (text.startsWith('file://')) return directoryFrom(text)
  if (text.startsWith('s3://')) return s3From(text)
  throw mistake(text, 'starts with neither s3:// nor file://')
}

/** The same form back; `storageFromUrl(storageUrl(s))` equals `s`. */
export function storageUrl(storage: Storage): string {
  if (storage.type === 'directory') return `file://${storage.path.split('/').map(encodeURIComponent).join('/')}`
  const query = new URLSearchParams()
  if (storage.endpoint !== null) query.set('endpoint', storage.endpoint)
  if (storage.region !== null) query.set('region', storage.region)
  const prefix = storage.prefix === '' ? '' : `/${storage.prefix.split('/').map(encodeURIComponent).join('/')}`
  return `s3://${storage.bucket}${prefix}${query.size > 0 ? `?${query}` : ''}`
}

function directoryFrom(text: string): Storage {
  const path = decoded(text, text.slice('file://'.length)).replace(/\/+$/, '')
  if (!isAbsolute(path)) throw mistake(text, 'needs an absolute path after file://, as in file:///var/lib/drover/bucket')
  if (path.includes('\0') || path.split('/').includes('..')) throw mistake(text, 'has a path with .. or NUL')
  return { type: 'directory', path }
}

function s3From(text: string): Storage {
  const rest = text.slice('s3://'.length)
  const question = rest.indexOf('?')
  const place = question < 0 ? rest : rest.slice(0, question)
  const slash = place.indexOf('/')
  const bucket = slash < 0 ? place : place.slice(0, slash)
  if (bucket.includes('@')) throw mistake(text, 'holds credentials; give them by the AWS variables or an instance role')
  if (!BUCKET.test(bucket)) throw mistake(text, `names a bucket that S3 does not allow: ${JSON.stringify(bucket)} (3 to 63 of a-z 0-9 . -)`)
  const prefix = slash < 0 ? '' : decoded(text, place.slice(slash + 1)).replace(/^\/+|\/+$/g, '')
  const prefixMistake = prefix === '' ? null : keyMistake(prefix)
  if (prefixMistake) throw mistake(text, `has a prefix that ${prefixMistake}`)
  if (Buffer.byteLength(prefix) > 512) throw mistake(text, 'has a prefix longer than 512 bytes')
  return { type: 's3', bucket, prefix, ...s3Options(text, question < 0 ? '' : rest.slice(question + 1)) }
}

function s3Options(text: string, query: string): { endpoint: string | null; region: string | null } {
  const options: { endpoint: string | null; region: string | null } = { endpoint: null, region: null }
  for (const [name, value] of new URLSearchParams(query)) {
    if (name === 'endpoint') options.endpoint = endpointFrom(text, value)
    else if (name === 'region') options.region = regionFrom(text, value)
    else throw mistake(text, `has an unknown option ${JSON.stringify(name)}; endpoint and region are known`)
  }
  return options
}

function endpointFrom(text: string, value: string): string {
  if (!URL.canParse(value) || !/^https?:\/\//.test(value)) throw mistake(text, `has an endpoint that is no http(s) URL: ${JSON.stringify(value)}`)
  return value
}

function regionFrom(text: string, value: string): string {
  if (!/^[a-z0-9-]{1,64}$/.test(value)) throw mistake(text, `has a region that is none: ${JSON.stringify(value)}`)
  return value
}

function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw mistake(text, 'has a % that does not start an escape; write %25 for a percent sign', cause)
  }
}

function mistake(text: string, what: string, cause?: unknown): RangeError {
  const shown = text.replace(/\/\/[^/@]*@/, '//***@').slice(0, 200)
  return new RangeError(`storage ${JSON.stringify(shown)} ${what}; allowed: ${FORMS}`, { cause })
}
