import { EXIT_PREEMPTED, exitKindOf, type ExitKind } from '../../protocol/words/failures.ts'
import { plainText } from './plain-text.ts'
import type { AllocationRow } from './row.ts'

const TEXT_MAX = 4096

export interface ExitFacts {
  code: number
  oomKilled: boolean
  /** Docker's own word, as for a start that failed; often empty */
  error: string
  /** last lines of the log, plain text */
  tail: string
}

/** A run that was asked to save and did so is preempted, also where SIGTERM had to remind it. */
export function exitKindOfRow(row: AllocationRow, facts: ExitFacts): ExitKind {
  const preemptAsked = row.preemptAt !== null
  const saved = preemptAsked && (facts.code === 0 || facts.code === EXIT_PREEMPTED)
  return exitKindOf({ code: facts.code, oomKilled: facts.oomKilled, preemptAsked, stopAsked: row.stopAt !== null && !saved })
}

/** What happened and, where it is the user's to mend, the cure; the last log lines of a failure. */
export function exitText(kind: ExitKind, facts: ExitFacts, shmBytes: number): string {
  const head = headline(kind, facts, shmBytes)
  const error = facts.error === '' ? '' : `\nDocker says: ${facts.error}`
  const tail = facts.code === 0 || facts.tail === '' ? '' : `\nlast lines of the log:\n${facts.tail}`
  return cut(head + error, tail)
}

function headline(kind: ExitKind, facts: ExitFacts, shmBytes: number): string {
  if (kind === 'completed') return 'container exited with code 0'
  if (kind === 'preempted') return `container saved and stopped on request (exit code ${facts.code})`
  if (kind === 'stopped') return `container was stopped by the master's order (exit code ${facts.code})`
  if (kind === 'oom') return 'container was killed for memory (exit code 137): use a smaller batch or a machine with more memory'
  if (facts.code === 135) return `container exited with code 135 (bus error): shared memory is ${Math.floor(shmBytes / 1024 ** 2)} MiB, raise resources.shm_size`
  if (facts.code === 127) return 'container exited with code 127: the entrypoint was not found in the image, check `entrypoint` and `environment.image`'
  if (facts.code === 126) return 'container exited with code 126: the entrypoint is not executable, check its mode or name its interpreter'
  if (facts.code > 128 && facts.code <= 192) return `container was killed by signal ${facts.code - 128} (exit code ${facts.code})`
  return `container exited with code ${facts.code}`
}

/** Keeps the headline, and of the tail its end. */
function cut(head: string, tail: string): string {
  const start = plainText(head, TEXT_MAX)
  const room = TEXT_MAX - start.length
  const end = tail.length <= room ? tail : `\n...${tail.slice(tail.length - Math.max(room - 4, 0))}`
  return plainText(start + end, TEXT_MAX)
}
