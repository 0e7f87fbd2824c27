import type { Storage } from '../wire/spec.ts'

/** Reads `s3://bucket/prefix?endpoint=URL&region=R` or `file:///path`. Throws a RangeError that names the cure. */
export function storageFromUrl(text: string): Storage {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol === 'file:' && url.host === '' && url.pathname.length > 1) return { type: 'directory', path: decodeURIComponent(url.pathname) }
  if (url?.protocol === 's3:' && url.host !== '') {
    return {
      type: 's3',
      bucket: url.host,
      prefix: decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, ''),
      endpoint: url.searchParams.get('endpoint'),
      region: url.searchParams.get('region'),
    }
  }
  throw new RangeError(`bucket ${JSON.stringify(text.slice(0, 200))} is neither s3://bucket/prefix?endpoint=URL&region=R nor file:///absolute/path`)
}

/** For people: where the bytes are. */
export function storageUrl(storage: Storage): string {
  if (storage.type === 'directory') return `file://${storage.path}`
  return `s3://${storage.bucket}${storage.prefix === '' ? '' : `/${storage.prefix}`}`
}
