import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { pack } from 'tar-stream'
import { expect, test } from 'vitest'
import { ApiFault } from '../errors.ts'
import { checkEntries, CONTEXT_BYTES_MAX, CONTEXT_ENTRIES_MAX, normalPath, type ContextEntry } from './check-entries.ts'
import { readTgz } from './from-tgz.ts'
import { takeContext } from './take-context.ts'

type Header = Parameters<ReturnType<typeof pack>['entry']>[0]

const b64 = (text: string): string => Buffer.from(text).toString('base64')
const file = (path: string, content = 'x', more: object = {}) => ({ path, type: 48, content: b64(content), mtime: '1700000000', mode: 0o100644, uid: 0, gid: 0, ...more })

async function tarOf(entries: { header: Header; body?: string | Buffer }[]): Promise<Buffer> {
  const tar = pack()
  for (const { header, body } of entries) tar.entry(header, body ?? '')
  tar.finalize()
  const parts: Buffer[] = []
  for await (const part of tar) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

async function refusal(body: Parameters<typeof takeContext>[0]): Promise<string> {
  const fault = await takeContext(body).then(() => null, (error: unknown) => error)
  expect(fault).toBeInstanceOf(ApiFault)
  expect((fault as ApiFault).status).toBe(400)
  return (fault as ApiFault).message
}

const tgz = (raw: Uint8Array): string => gzipSync(raw).toString('base64')

test('the list form and the packed form of one directory become the same bytes, whatever their order', async () => {
  const listed = await takeContext({ modelDefinition: [file('b/c.py', 'two'), { path: 'b', type: 53, content: '', mtime: '0', mode: 0o40755, uid: 7, gid: 7 }, file('a.py', 'one')] })
  const packed = await takeContext({ contextTgz: tgz(await tarOf([
    { header: { name: './a.py', mode: 0o644, mtime: new Date(1_700_000_000_000), uid: 9 }, body: 'one' },
    { header: { name: './b/', type: 'directory', mode: 0o755, mtime: new Date(0) } },
    { header: { name: './b/c.py', mode: 0o644, mtime: new Date(1_700_000_000_000) }, body: 'two' },
  ])) })
  expect(listed).not.toBeNull()
  expect(packed).toEqual(listed)
  const back = await readTgz(listed ?? new Uint8Array())
  expect(back.ok && back.entries.map((entry) => [entry.path, entry.kind, entry.mode, Buffer.from(entry.bytes).toString()])).toEqual([
    ['a.py', 'file', 0o644, 'one'], ['b/', 'directory', 0o755, ''], ['b/c.py', 'file', 0o644, 'two'],
  ])
})

test('nothing sent is no model definition', async () => {
  expect(await takeContext({})).toBeNull()
  expect(await takeContext({ modelDefinition: [] })).toBeNull()
  expect(await takeContext({ contextTgz: tgz(await tarOf([{ header: { name: './', type: 'directory' } }])) })).toBeNull()
})

test.each([
  ['/etc/passwd', 'absolute'],
  ['../up.py', 'leaves the model definition'],
  ['a/../../up.py', 'leaves the model definition'],
  ['a\u0000b', 'NUL'],
  ['\uD800.py', 'Unicode'],
  [`${'n'.repeat(256)}`, 'too long'],
])('the path %j is refused in both forms', async (path, words) => {
  expect(await refusal({ modelDefinition: [file(path)] })).toContain(words)
  const checked = checkEntries([{ path, kind: 'file', mode: 0, mtime: 0, bytes: new Uint8Array() }])
  expect(checked.ok).toBe(false)
})

test.each([
  ['link', { name: 'l', type: 'link', linkname: '/etc/passwd' }, 'a hard link'],
  ['symlink', { name: 'l', type: 'symlink', linkname: '../..' }, 'a symbolic link'],
  ['device', { name: 'l', type: 'character-device', devmajor: 1, devminor: 3 }, 'character-device'],
  ['pipe', { name: 'l', type: 'fifo' }, 'a pipe'],
] as const)('a %s in the tar is refused with its path', async (_kind, header, words) => {
  const message = await refusal({ contextTgz: tgz(await tarOf([{ header: { ...header } }])) })
  expect(message).toContain(words)
  expect(message).toContain('l: is')
})

test('links and devices in the list are refused with their path', async () => {
  for (const [type, words] of [[49, 'hard link'], [50, 'symbolic link'], [51, 'character device'], [99, 'of type 99']] as const) expect(await refusal({ modelDefinition: [file('data', '', { type })] })).toContain(words)
})

test('twice the same path, two that differ in case only, and a file below a file are each named', async () => {
  expect(await refusal({ modelDefinition: [file('a.py'), file('./a.py')] })).toContain('is there twice')
  expect(await refusal({ modelDefinition: [file('Model.py'), file('model.py')] })).toContain('upper and lower case')
  expect(await refusal({ modelDefinition: [file('a'), file('a/b')] })).toContain('lies below a')
})

test('all mistakes of a list come at once', async () => {
  const message = await refusal({ modelDefinition: [file('/abs'), file('../up'), 7, file('ok.py', 'x', { content: '!!!!' })] })
  for (const words of ['modelDefinition[2]', 'no base64']) expect(message).toContain(words)
  expect(await refusal({ modelDefinition: [file('/abs'), file('../up')] })).toMatch(/\/abs: .*\.\.\/up: /)
})

test('more than 95 MiB is refused in both forms with the cure', async () => {
  const half = Buffer.alloc(48 * 1024 * 1024).toString('base64')
  expect(await refusal({ modelDefinition: [file('a', '', { content: half }), file('b', '', { content: half })] })).toContain('at most 95 MiB')
  const random = Buffer.alloc(CONTEXT_BYTES_MAX + 1)
  for (let at = 0; at + 4 <= random.length; at += 64) random.writeUInt32LE((at * 2654435761) % 4294967296, at)
  expect(await refusal({ contextTgz: tgz(await tarOf([{ header: { name: 'a' }, body: random }])) })).toContain('at most 95 MiB')
}, 30_000)

test('more than 50,000 entries are refused', () => {
  const entries: ContextEntry[] = Array.from({ length: CONTEXT_ENTRIES_MAX + 1 }, (_, i) => ({ path: `f${i}`, kind: 'file', mode: 0, mtime: 0, bytes: new Uint8Array() }))
  const checked = checkEntries(entries)
  expect(!checked.ok && checked.mistakes[0]?.message).toContain('50001')
})

test('a decompression bomb is cut off early', async () => {
  const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024))
  const message = await refusal({ contextTgz: gzipSync(await tarOf([{ header: { name: 'zeros' }, body: Buffer.alloc(80 * 1024 * 1024) }])).toString('base64') })
  expect(bomb.length).toBeLessThan(100_000)
  expect(message).toContain('bomb')
}, 30_000)

test('what is no gzip, no tar, cut short or no base64 is refused', async () => {
  const whole = await tarOf([{ header: { name: 'a' }, body: 'x'.repeat(5000) }])
  expect(await refusal({ contextTgz: b64('not gzip') })).toContain('no complete gzipped tar')
  expect(await refusal({ contextTgz: gzipSync(whole).subarray(0, -12).toString('base64') })).toContain('no complete gzipped tar')
  expect(await refusal({ contextTgz: gzipSync(whole.subarray(0, 1500)).toString('base64') })).toContain('no complete gzipped tar')
  expect(await refusal({ contextTgz: '*not base64*' })).toContain('no base64')
  expect(await refusal({ contextTgz: tgz(whole), modelDefinition: [file('a')] })).toContain('send one of them')
})

test('a normal path never leaves the directory, and normalising it again changes nothing', () => {
  fc.assert(fc.property(fc.array(fc.oneof(fc.constantFrom('.', '..', '', 'a', 'b c'), fc.string()), { maxLength: 6 }).map((parts) => parts.join('/')), (path) => {
    const normal = normalPath(path)
    if (!normal.ok) return
    expect(normal.path.split('/')).not.toContain('..')
    expect(normal.path.startsWith('/')).toBe(false)
    expect(normalPath(normal.path)).toEqual(normal)
  }))
})

test('bytes survive the way', async () => {
  const packed = await takeContext({ modelDefinition: [file('bin', '', { content: Buffer.from([0, 255, 10]).toString('base64') })] })
  expect(gunzipSync(packed ?? new Uint8Array()).subarray(512, 515)).toEqual(Buffer.from([0, 255, 10]))
})
