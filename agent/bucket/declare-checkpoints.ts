import { randomUUID } from 'node:crypto'
import { lstat, readdir } from 'node:fs/promises'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Journal } from '../journal/door.ts'
import { hasCode, openDirectory, pathOf } from './beneath.ts'
import type { Ledger } from './checkpoint-ledger.ts'

/** `step-<n>`: renaming a directory to it declares the checkpoint of n steps. */
const STEP = /^step-(\d{1,15})$/

export interface DeclareOptions {
  journal: Journal
  ledger: Ledger
  alloc: string
  /** DROVER_CHECKPOINT_DIR on the host */
  path: string
  clock: Clock
}

export interface StepDirectory {
  name: string
  steps: number
  /** tells a directory from a later one of the same name */
  identity: string
}

export interface Declarer {
  /** Looks at the directory and declares what is new; gives the uuids. */
  scan(): Promise<string[]>
}

/** Declares each `step-<n>` directory once: journal row and event in one commit, before any byte moves. */
export function createDeclarer(options: DeclareOptions): Declarer {
  const { journal, ledger, alloc } = options
  let known: Set<string> | null = null
  return {
    async scan() {
      const before = known ?? (await declaredBefore())
      const present = await listSteps(options.path)
      // a directory that has gone is forgotten: one of its name that comes later is a new checkpoint
      const marks = new Set(present.flatMap((step) => [step.identity, nameOnly(step.name)]).filter((mark) => before.has(mark)))
      known = marks
      const uuids: string[] = []
      for (const step of present) {
        if (marks.has(step.identity) || marks.has(nameOnly(step.name))) continue
        uuids.push(await declare(step))
        marks.add(step.identity)
      }
      return uuids
    },
  }

  async function declare(step: StepDirectory): Promise<string> {
    const uuid = randomUUID()
    const ordinal = Math.max(0, ...journal.checkpoints(alloc).map((row) => row.ordinal)) + 1
    const now = options.clock.wallMs()
    await ledger.put({ uuid, identity: step.identity, createdAt: new Date(now).toISOString() })
    journal.transaction((tx) => {
      tx.putCheckpoint({ alloc, uuid, ordinal, steps: step.steps, directory: step.name, state: 'declared' })
      tx.append({ kind: 'checkpoint-declared', alloc, t: now, uuid, ordinal, steps: step.steps })
    })
    return uuid
  }

  /** Identities of what an earlier life declared; a row whose ledger entry is lost counts by its name. */
  async function declaredBefore(): Promise<Set<string>> {
    const before = new Set<string>()
    for (const row of journal.checkpoints(alloc)) before.add((await ledger.get(row.uuid))?.identity ?? nameOnly(row.directory))
    return before
  }
}

function nameOnly(name: string): string {
  return `name ${name}`
}

/** By steps, then name. A checkpoint directory that is not there holds nothing. */
export async function listSteps(path: string): Promise<StepDirectory[]> {
  const directory = await openDirectory(path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return null
    throw error
  })
  if (!directory) return []
  try {
    const steps: StepDirectory[] = []
    for (const name of await readdir(pathOf(directory))) {
      const match = STEP.exec(name)
      const identity = match && (await identityOf(pathOf(directory, name)))
      if (match && identity) steps.push({ name, steps: Number(match[1]), identity })
    }
    return steps.toSorted((a, b) => a.steps - b.steps || (a.name < b.name ? -1 : 1))
  } finally {
    await directory.close()
  }
}

/** Null for what is no directory, or gone. */
export async function identityOf(path: string): Promise<string | null> {
  try {
    const facts = await lstat(path, { bigint: true })
    return facts.isDirectory() ? `${facts.ino}:${facts.birthtimeNs}` : null
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  }
}
