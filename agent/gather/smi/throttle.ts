import { isAbsent, textOf } from './cell.ts'
import { sayingOf, type Said } from './fields.ts'
import type { Trouble } from './listing.ts'

/** Bits of `clocks_event_reasons.active`, by NVML's nvmlClocksEventReason*. */
const BITS = ['gpu_idle', 'applications_clocks_setting', 'sw_power_cap', 'hw_slowdown', 'sync_boost', 'sw_thermal_slowdown', 'hw_thermal_slowdown', 'hw_power_brake_slowdown', 'display_clock_setting']

const OTHER_NAMES: Record<string, string> = { idle: 'gpu_idle', display_clocks_setting: 'display_clock_setting' }

const REASON = /^clocks_(?:event|throttle)_reasons\.(?:.*\.)?(?:clocks_(?:event|throttle)_reason_)?([a-z_]+)$/

/** Reasons that hold the clocks down just now, in order of name; null where the output does not tell. */
export function throttleReasons(said: Said, trouble: Trouble[]): string[] | null {
  const active = new Set<string>()
  let told = false
  for (const [name, value] of said) {
    const reason = REASON.exec(name)?.[1]
    if (reason === undefined || reason === 'active' || reason === 'supported' || isAbsent(value)) continue
    const state = textOf(value, 'throttle', trouble)
    if (state !== 'Active' && state !== 'Not Active') continue
    told = true
    if (state === 'Active') active.add(OTHER_NAMES[reason] ?? reason)
  }
  if (!told) return ofMask(sayingOf(said, 'throttleMask'), trouble)
  return [...active].sort()
}

function ofMask(raw: string | null, trouble: Trouble[]): string[] | null {
  const text = textOf(raw, 'throttle', trouble)
  if (text === null) return null
  if (!/^0x[0-9a-f]{16}$/i.test(text)) {
    trouble.push({ field: 'throttle', said: text })
    return null
  }
  const mask = BigInt(text)
  return BITS.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n).sort()
}
