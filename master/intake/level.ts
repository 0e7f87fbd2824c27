import type { StoredLine } from '../store/schema.ts'

const LEVELS: Readonly<Record<string, StoredLine[2]>> = {
  TRACE: 'TRACE', DEBUG: 'DEBUG', INFO: 'INFO', WARN: 'WARNING', WARNING: 'WARNING', ERROR: 'ERROR', CRITICAL: 'CRITICAL', FATAL: 'CRITICAL',
}
/** `[rank=3] ` by the launch layers, an optional time in brackets, then the level word; bounded, no backtracking. */
const LEVEL = /^(?:\[rank=\d{1,9}\] ?)?(?:\[[^\]]{1,64}\] ?)?(?:\[\d{1,9}\] ?)?\[?(TRACE|DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\]?(?=[:\s|-]|$)/

/** Level word that a line begins with; empty when it has none. */
export function levelOf(text: string): StoredLine[2] {
  return LEVELS[LEVEL.exec(text)?.[1] ?? ''] ?? ''
}
