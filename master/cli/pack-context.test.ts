import { createHash } from 'node:crypto'
import { link, mkdir, mkdtemp, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { collectContext } from './collect-context.ts'
import { packContext } from './pack-context.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'drover-pack-'))
  await mkdir(join(root, 'm', 'lib'), { recursive: true })
  await writeFile(join(root, 'm', 'train.py'), 'print(1)', { mode: 0o755 })
  await writeFile(join(root, 'm', 'lib', 'a.py'), 'x = 1')
})
afterEach(() => rm(root, { recursive: true, force: true }))

const paths = async (): Promise<string[]> => (await collectContext(join(root, 'm'))).map(({ path }) => path)

test('the archive holds the tree in order, and the same tree gives the same bytes', async () => {
  for (const path of ['m/train.py', 'm/lib/a.py', 'm/lib']) await utimes(join(root, path), 1_700_000_000, 1_700_000_000)
  const { bytes, files, size } = await packContext(join(root, 'm'))
  expect([files, size]).toEqual([2, 13])
  const found: [string, number | undefined, string][] = []
  const tar = extract()
  Readable.from([bytes]).pipe(createGunzip()).pipe(tar)
  for await (const entry of tar) {
    const parts: Buffer[] = []
    for await (const part of entry) parts.push(part as Buffer)
    found.push([entry.header.name, entry.header.mode, Buffer.concat(parts).toString()])
  }
  expect(found.map(([name, , body]) => [name, body])).toEqual([['lib/', ''], ['lib/a.py', 'x = 1'], ['train.py', 'print(1)']])
  expect(found[2]?.[1]).toBe(0o755)
  const again = await packContext(join(root, 'm'))
  expect(createHash('sha256').update(again.bytes).digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'))
})

test('an empty directory is a model definition too', async () => {
  await mkdir(join(root, 'empty'))
  expect((await packContext(join(root, 'empty'))).files).toBe(0)
})

test('both ignore files count; an ignored directory is not entered', async () => {
  await mkdir(join(root, 'm', 'data', 'deep'), { recursive: true })
  await symlink('/etc', join(root, 'm', 'data', 'out'))
  await writeFile(join(root, 'm', 'x.log'), '')
  await writeFile(join(root, 'm', '.detignore'), 'data/\n')
  await writeFile(join(root, 'm', '.droverignore'), '*.log\n')
  expect(await paths()).toEqual(['lib', 'lib/a.py', 'train.py'])
})

test('a link within the tree is sent as the file, a hard link as well', async () => {
  await symlink('../train.py', join(root, 'm', 'lib', 'same.py'))
  await link(join(root, 'm', 'train.py'), join(root, 'm', 'hard.py'))
  expect((await packContext(join(root, 'm'))).size).toBe(13 + 8 + 8)
})

test.each<[string, () => Promise<unknown>, string]>([
  ['a link out of the tree', () => symlink('/etc/passwd', join(root, 'm', 'p')), 'p is a link out of the model definition'],
  ['a link to a neighbour with the same beginning', async () => { await writeFile(`${root}/m2`, ''); await symlink('../m2', join(root, 'm', 'p')) }, 'p is a link out of the model definition'],
  ['a link to nothing', () => symlink('nothing', join(root, 'm', 'p')), 'p is a link to nothing'],
  ['a link to a directory', () => symlink('lib', join(root, 'm', 'p')), 'p is a link to a directory'],
  ['a socket', () => new Promise((resolve) => createServer().unref().listen(join(root, 'm', 'p'), () => resolve(undefined))), 'p is neither a file nor a directory'],
])('%s is refused', async (_, make, words) => {
  await make()
  await expect(collectContext(join(root, 'm'))).rejects.toThrow(words)
})

test('more than 95 MiB is refused before anything is read, with the biggest files', async () => {
  await writeFile(join(root, 'm', 'data.bin'), '')
  await truncate(join(root, 'm', 'data.bin'), 96 * 2 ** 20)
  await expect(packContext(join(root, 'm'))).rejects.toThrow('the model definition has 96.0 MiB; at most 95.0 MiB can be sent. Biggest: data.bin (96.0 MiB), train.py (8 B), lib/a.py (5 B)')
})
