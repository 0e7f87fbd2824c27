import { join } from 'node:path'
import Type from 'typebox'
import { Check } from 'typebox/value'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { readWhole, saveWhole } from '../../protocol/kit/whole-file.ts'
import { runShell, type ShellEnd } from './run-shell.ts'

/** The pool's startup script did not come to a good end: the agent must not enrol on a machine that is not set up. */
export class StartupError extends Error {
  override readonly name = 'StartupError'
}

export interface StartupDeps {
  script: string
  instanceId: string
  stateDir: string
  clock: Clock
  log: Log
  signal: AbortSignal
  /** default 10 minutes */
  deadlineMs?: number
}

/** In `<stateDir>/startup-script.json`, durable before the script begins and again when it has ended. */
const Marker = Type.Object({ instanceId: Type.String(), state: Type.Union([Type.Literal('begun'), Type.Literal('done'), Type.Literal('failed')]), tries: Type.Integer({ minimum: 1 }), text: Type.String() })
type Marker = Type.Static<typeof Marker>

const DEADLINE_MS = 600_000
/** A script may restart the machine once or twice; one that ends the agent each time must come to an end. */
const TRIES_MAX = 3
const LINES_MAX = 5_000
const LINE_MAX = 4_096

/**
 * Runs the script once for this instance. One that was cut off (crash, restart of the machine) is run again and the log says
 * so, three times at most. True: it has been run to its good end, now or before; false: `signal` ended it. Throws StartupError.
 */
export async function runStartupScript(deps: StartupDeps): Promise<boolean> {
  const path = join(deps.stateDir, 'startup-script.json')
  const found = await readMarker(path)
  const before = found?.instanceId === deps.instanceId ? found : null
  if (before?.state === 'done') return true
  if (before?.state === 'failed') throw new StartupError(`the startup script has failed on this instance before (${before.text}): ${cure(path)}`)
  const tries = (before?.tries ?? 0) + 1
  if (tries > TRIES_MAX) throw new StartupError(`the startup script was cut off ${TRIES_MAX} times before its end, by a crash or a restart of the machine: ${cure(path)}`)
  if (before !== null) deps.log.warn({ tries }, 'the startup script was cut off before its end and is run again')
  const mark = (state: Marker['state'], text: string): Promise<void> => saveMarker(path, { instanceId: deps.instanceId, state, tries, text })
  await mark('begun', '')
  const from = deps.clock.monotonicMs()
  const deadlineMs = deps.deadlineMs ?? DEADLINE_MS
  const end = await runShell(deps.script, { deadlineMs, onLine: lineLog(deps.log), signal: deps.signal })
  if (end.kind === 'stopped') return false
  const problem = problemOf(end, deadlineMs)
  await mark(problem === null ? 'done' : 'failed', problem ?? '')
  if (problem !== null) throw new StartupError(`the startup script ${problem}, its output is in the agent's log: ${cure(path)}`)
  deps.log.info({ seconds: Math.round((deps.clock.monotonicMs() - from) / 1_000) }, 'the startup script has run')
  return true
}

function problemOf(end: Exclude<ShellEnd, { kind: 'stopped' }>, deadlineMs: number): string | null {
  switch (end.kind) {
    case 'exit':
      return end.code === 0 ? null : end.code === null ? 'was ended by a signal' : `ended with exit code ${end.code}`
    case 'late':
      return `did not end within ${deadlineMs / 1_000} s and was killed`
    case 'absent':
      return `could not be started (${end.text})`
  }
}

function cure(path: string): string {
  return `correct the pool's startup_script and let this instance go; to try again on this machine, remove ${path} and start the agent`
}

function lineLog(log: Log): (line: string) => void {
  let count = 0
  return (line) => {
    count += 1
    if (count <= LINES_MAX) log.info({ line: line.slice(0, LINE_MAX) }, 'startup script says')
    if (count === LINES_MAX) log.warn({ lines: LINES_MAX }, 'the startup script says more than is logged')
  }
}

async function readMarker(path: string): Promise<Marker | null> {
  const stored = await readWhole(path)
  if (stored === null) return null
  const marker = parse(stored.toString('utf8'))
  if (Check(Marker, marker)) return marker
  throw new StartupError(`${path} is damaged, so that nobody knows whether the startup script has run: remove it to run the script again`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // readMarker says what a text that is no JSON means
  }
}

function saveMarker(path: string, marker: Marker): Promise<void> {
  return saveWhole(path, JSON.stringify(marker))
}
