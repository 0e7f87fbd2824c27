/**
 * Determined's client takes `<experiment>.<uuid>` for the task of a trial, a bare uuid for one of a command, and
 * `<task>.<n>` for an allocation. Ours are `trial-<n>`, `command-<uuid>` and `<task>.<epoch>`: each is the other written
 * differently, so nothing is looked up. Both forms are taken.
 */
const TRIAL_UUID = '00000000-0000-4000-8000-'
const TRIAL = /^trial-([1-9]\d{0,9})$/
const SHOWN = /^(?:(\d{1,10})\.)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i

/** `trial-12` of experiment 3 -> `3.00000000-0000-4000-8000-00000000000c`. */
export function shownTaskId(id: string, experimentId: number | null): string {
  const trial = TRIAL.exec(id)?.[1]
  if (trial !== undefined && experimentId !== null) return `${experimentId}.${TRIAL_UUID}${Number(trial).toString(16).padStart(12, '0')}`
  return id.replace(/^command-/, '')
}

export function shownAllocationId(id: string, experimentId: number | null): string {
  const dot = id.lastIndexOf('.')
  return dot < 0 ? shownTaskId(id, experimentId) : `${shownTaskId(id.slice(0, dot), experimentId)}${id.slice(dot)}`
}

/** The task that is meant; an experiment in it must be its own. Text that is neither form is taken as it is. */
export function meantTask(text: string): { id: string; experimentId: number | null } {
  const match = SHOWN.exec(text)
  if (!match) return { id: text, experimentId: null }
  const uuid = (match[2] ?? '').toLowerCase()
  if (match[1] === undefined) return { id: `command-${uuid}`, experimentId: null }
  const trial = uuid.startsWith(TRIAL_UUID) ? Number.parseInt(uuid.slice(TRIAL_UUID.length), 16) : 0
  return { id: `trial-${trial}`, experimentId: Number(match[1]) }
}

export function meantAllocation(text: string): string {
  const dot = text.lastIndexOf('.')
  const epoch = text.slice(dot)
  return dot > 0 && /^\.\d{1,9}$/.test(epoch) ? `${meantTask(text.slice(0, dot)).id}${epoch}` : text
}
