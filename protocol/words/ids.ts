/**
 * Ids of the things Drover speaks of. Branded so that one kind is never passed for another.
 * Every id that may become part of a NATS subject or an S3 key matches `ID_PATTERN`.
 */
declare const brand: unique symbol
type Branded<T, B extends string> = T & { readonly [brand]: B }

export type ExperimentId = Branded<number, 'ExperimentId'>
export type TrialId = Branded<number, 'TrialId'>
/** `trial-<trial id>` for trials, `<kind>-<uuid>` for the other task kinds. */
export type TaskId = Branded<string, 'TaskId'>
/** `<task>.<epoch>`; the epoch is the fencing token (I3) and Determined's trialRunId. */
export type AllocationId = Branded<string, 'AllocationId'>
export type AgentId = Branded<string, 'AgentId'>
export type SlotId = Branded<string, 'SlotId'>

/** No dot, no wildcard, no white space: safe as one NATS token and as one path segment. */
export const ID_PATTERN = '^[A-Za-z0-9_-]{1,64}$'
const ID = new RegExp(ID_PATTERN)
const ALLOCATION = /^([A-Za-z0-9_-]{1,64})\.([1-9][0-9]{0,8})$/

export function isId(text: string): boolean {
  return ID.test(text)
}

export function trialTaskId(trial: number): TaskId {
  return `trial-${trial}` as TaskId
}

export function allocationId(task: string, epoch: number): AllocationId {
  return `${task}.${epoch}` as AllocationId
}

/** Splits `<task>.<epoch>`; null when the text is no allocation id. */
export function parseAllocationId(text: string): { task: TaskId; epoch: number } | null {
  const match = ALLOCATION.exec(text)
  return match ? { task: match[1] as TaskId, epoch: Number(match[2]) } : null
}
