// A store that takes S3 uploads and throws the bytes away: it speaks just enough of the protocol for PUT and multipart.
// Counts bytes and their SHA-256 per object where SINK_VERIFY=1; prints its port.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

const verify = process.env.SINK_VERIFY === '1'
const uploads = new Map()
const seen = new Map()

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://sink')
  const upload = url.searchParams.get('uploadId')
  const part = Number(url.searchParams.get('partNumber') ?? '1')
  if (request.method === 'GET') return response.end(JSON.stringify(seen.get(url.pathname) ?? null))
  let bytes = 0
  const hash = verify && request.method === 'PUT' ? createHash('sha256') : null
  const kept = []
  request.on('data', (chunk) => {
    bytes += chunk.length
    if (hash) kept.push(chunk)
  })
  request.on('end', () => {
    if (request.method === 'PUT') {
      const parts = upload ? (uploads.get(upload) ?? uploads.set(upload, new Map()).get(upload)) : new Map()
      parts.set(part, hash ? Buffer.concat(kept) : bytes)
      if (!upload) record(url.pathname, parts)
      response.setHeader('etag', '"0123456789abcdef0123456789abcdef"')
      return response.end()
    }
    response.setHeader('content-type', 'application/xml')
    if (url.searchParams.has('uploads')) {
      const id = `${Date.now()}${Math.random()}`
      return response.end(`<?xml version="1.0"?><InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`)
    }
    if (upload) record(url.pathname, uploads.get(upload) ?? new Map())
    response.end('<?xml version="1.0"?><CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><ETag>"x"</ETag></CompleteMultipartUploadResult>')
  })
})

function record(path, parts) {
  const ordered = [...parts.entries()].sort((a, b) => a[0] - b[0]).map(([, value]) => value)
  const hash = verify ? ordered.reduce((sum, body) => sum.update(body), createHash('sha256')).digest('hex') : null
  seen.set(path, { bytes: ordered.reduce((sum, value) => sum + (typeof value === 'number' ? value : value.length), 0), sha256: hash })
}

server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))
