import fc from 'fast-check'
import { expect, test } from 'vitest'
import { storageFromUrl, storageUrl } from './url.ts'

test.each([
  ['s3://my-bucket', { type: 's3', bucket: 'my-bucket', prefix: '', endpoint: null, region: null }],
  ['s3://my-bucket/', { type: 's3', bucket: 'my-bucket', prefix: '', endpoint: null, region: null }],
  ['s3://my-bucket/a/b%20c/?region=eu-central-1', { type: 's3', bucket: 'my-bucket', prefix: 'a/b c', endpoint: null, region: 'eu-central-1' }],
  ['s3://b.b/p?endpoint=http://127.0.0.1:9000&region=us-east-1', { type: 's3', bucket: 'b.b', prefix: 'p', endpoint: 'http://127.0.0.1:9000', region: 'us-east-1' }],
  ['file:///var/lib/bucket/', { type: 'directory', path: '/var/lib/bucket' }],
  ['file:///a%20b', { type: 'directory', path: '/a b' }],
])('%s is read', (text, storage) => {
  expect(storageFromUrl(text)).toEqual(storage)
})

test.each([
  ['/var/lib/bucket', 'neither s3:// nor file://'],
  ['', 'neither s3:// nor file://'],
  ['file://relative/path', 'absolute path'],
  ['file:///a/../b', '..'],
  ['s3://', 'names a bucket'],
  ['s3://UPPER', 'names a bucket'],
  ['s3://key:secret@bucket', 'credentials'],
  ['s3://bucket?endpont=x', 'unknown option "endpont"'],
  ['s3://bucket?endpoint=ftp://x', 'no http(s) URL'],
  ['s3://bucket?region=Mars!', 'region'],
  ['s3://bucket/a//b', 'prefix'],
  ['s3://bucket/%zz', '%25'],
])('%s is refused with the reason and the forms allowed', (text, reason) => {
  expect(() => storageFromUrl(text)).toThrow(reason)
  expect(() => storageFromUrl(text)).toThrow('s3://bucket/prefix?endpoint=URL&region=R or file:///path')
})

test('a secret in the URL is not repeated in the error', () => {
  expect(() => storageFromUrl('s3://key:hunter2@bucket')).toThrow(expect.not.objectContaining({ message: expect.stringContaining('hunter2') }))
})

test('storageUrl goes back', () => {
  const segment = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((s) => s.isWellFormed() && !/[/\0]/.test(s) && s !== '.' && s !== '..')
  const prefix = fc.array(segment, { maxLength: 4 }).map((parts) => parts.join('/'))
  const s3 = fc.record({ type: fc.constant('s3' as const), bucket: fc.constantFrom('abc', 'my-bucket.1'), prefix, endpoint: fc.constantFrom(null, 'http://127.0.0.1:9000', 'https://s3.example/a?b=1&c=2'), region: fc.constantFrom(null, 'eu-central-1') })
  const directory = prefix.filter((p) => p !== '').map((p) => ({ type: 'directory' as const, path: `/${p}` }))
  fc.assert(fc.property(fc.oneof(s3, directory), (storage) => {
    expect(storageFromUrl(storageUrl(storage))).toEqual(storage)
  }))
})
