import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openJournal } from '../journal/sqlite.ts'
import type { AllocationPaths } from '../steps/attendant.ts'
import { pruneReported } from './prune-reported.ts'
import { freshPaths } from './test-spec.ts'

const ALLOC = 'trial-7.2'
const uuidOf = (n: number): string => `${n}0000000-0000-4000-8000-000000000000`
let paths: AllocationPaths
let journal: ReturnType<typeof openJournal>

beforeEach(async () => {
  paths = await freshPaths()
  journal = openJournal(join(paths.root, 'journal'), (error) => { throw error })
})
afterEach(async () => {
  journal.close()
  await rm(paths.root, { recursive: true, force: true })
})

/** Reported checkpoints 1 to `count`, the last of them not uploaded yet. */
async function report(count: number): Promise<void> {
  for (let n = 1; n <= count; n += 1) {
    await mkdir(join(paths.storage, uuidOf(n), 'sub'), { recursive: true })
    await writeFile(join(paths.storage, uuidOf(n), 'sub', 'weights'), 'x')
    journal.transaction((tx) => tx.putCheckpoint({ alloc: ALLOC, uuid: uuidOf(n), ordinal: n, steps: n * 10, directory: uuidOf(n), state: n === count ? 'declared' : 'uploaded', reported: { createdAt: '2026-01-01T00:00:00Z', part: false } }))
  }
}
const present = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1).filter((n) => existsSync(join(paths.storage, uuidOf(n))))
const notes = (): string[] => journal.outbox.after(0, 100).flatMap((event) => (event.kind === 'note' ? [event.text] : []))
const prune = (freeShare: () => number): Promise<void> => pruneReported({ journal, alloc: ALLOC, paths, wallMs: () => 1, freeShare: async () => freeShare() })

test('while the disk has room nothing goes', async () => {
  await report(6)
  await prune(() => 0.5)
  expect([present(6), notes()]).toEqual([[1, 2, 3, 4, 5, 6], []])
})

test('when it runs short the oldest go, only until there is room again, and the log says which', async () => {
  await report(6)
  let free = 0.05
  await prune(() => (free += 0.04))
  expect(present(6)).toEqual([3, 4, 5, 6])
  expect(notes()).toEqual([1, 2].map((n) => expect.stringContaining(`local copy of checkpoint ${uuidOf(n)} at step ${n * 10} was removed`)))
})

test('the last two that are uploaded, and what is not uploaded, stay whatever happens; again it changes nothing', async () => {
  await report(6)
  await prune(() => 0)
  await prune(() => 0)
  expect(present(6)).toEqual([4, 5, 6])
  expect(notes()).toHaveLength(3)
})

test('a link in its place is taken away itself, not what it leads to', async () => {
  const elsewhere = await mkdtemp(join(tmpdir(), 'drover-elsewhere-'))
  await writeFile(join(elsewhere, 'precious'), 'x')
  await report(4)
  await rm(join(paths.storage, uuidOf(1)), { recursive: true })
  await symlink(elsewhere, join(paths.storage, uuidOf(1)))
  await prune(() => 0)
  expect([present(4), existsSync(join(elsewhere, 'precious'))]).toEqual([[2, 3, 4], true])
  await rm(elsewhere, { recursive: true })
})
