import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** What /proc says of processes: by it we tell our own leftovers from strangers. */

/** Field 22 of /proc/<pid>/stat: a pid that was given again has another one. Null when no such process runs. */
export function startTime(pid: number): string | null {
  const stat = statOf(pid)
  return stat && stat.state !== 'Z' ? stat.started : null
}

/** The network namespace, `net:[4026531840]`; null when there is no such process. */
export function networkOf(pid: number | 'self'): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`)
  } catch (error) {
    return goneOrThrow(error)
  }
}

/**
 * Kills whatever still lives in the network namespace that our own engine had, with all children: shims and containers
 * that outlived it. Our own namespace is never touched.
 */
export async function sweepNetwork(network: string): Promise<void> {
  if (network === networkOf('self')) return
  for (let round = 0; round < 100; round += 1) {
    const victims = membersOf(network)
    if (victims.length === 0) return
    for (const pid of victims) killIfThere(pid)
    await sleep(50)
  }
  throw new Error(`processes of our Docker Engine do not end: ${membersOf(network).join(', ')}`)
}

/** Processes of the namespace and their descendants (a container has a namespace of its own, its parent is a shim). */
function membersOf(network: string): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number)
  const parents = new Map(all.flatMap((pid) => {
    const stat = statOf(pid)
    return stat && stat.state !== 'Z' ? [[pid, stat.parent] as const] : []
  }))
  const members = new Set([...parents.keys()].filter((pid) => networkOf(pid) === network))
  for (let before = -1; before !== members.size; ) {
    before = members.size
    for (const [pid, parent] of parents) if (members.has(parent)) members.add(pid)
  }
  return [...members]
}

export function killIfThere(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    goneOrThrow(error)
  }
}

function statOf(pid: number): { state: string; parent: number; started: string } | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
    return { state: fields[0] ?? '', parent: Number(fields[1]), started: fields[19] ?? '' }
  } catch (error) {
    return goneOrThrow(error)
  }
}

function goneOrThrow(error: unknown): null {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (['ENOENT', 'ESRCH', 'EACCES'].includes(code)) return null
  throw error
}
