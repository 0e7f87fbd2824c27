import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'

/** Time since the machine came up: goes on over restarts of the agent, and nobody sets it. */
export interface Uptime {
  /** another one after each boot */
  readonly bootId: string
  nowMs(): number
}

export function openUptime(): Uptime {
  return { bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), nowMs: () => uptime() * 1_000 }
}
