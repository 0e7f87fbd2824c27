/** How many checkpoints stay, in Determined's words save_experiment_best, save_trial_best and save_trial_latest. */
export interface Kept {
  experimentBest: number
  trialBest: number
  trialLatest: number
}

/** A committed checkpoint of an experiment. */
export interface Candidate {
  uuid: string
  trialId: number
  /** place within its trial, later is higher */
  order: number
  /** of the experiment's metric at the same steps; null = not validated there, so it is no best one */
  value: number | null
  /** a model version or another experiment needs it */
  needed: boolean
}

/**
 * What a policy lets go: neither among the best of the experiment or of its trial, nor among the latest of its trial, nor needed elsewhere. Where two
 * are equally good the later one counts as better. One that stays for one reason does not take the place of another's.
 */
export function letGo<C extends Candidate>(all: readonly C[], kept: Kept, smallerIsBetter: boolean): C[] {
  const better = (a: C & { value: number }, b: C & { value: number }): number => (smallerIsBetter ? a.value - b.value : b.value - a.value) || b.order - a.order || (a.uuid < b.uuid ? -1 : 1)
  const best = (from: readonly C[], count: number): C[] => from.filter((one): one is C & { value: number } => one.value !== null).toSorted(better).slice(0, count)
  const stay = new Set(best(all, kept.experimentBest))
  for (const of of Map.groupBy(all, (one) => one.trialId).values()) {
    for (const one of best(of, kept.trialBest)) stay.add(one)
    for (const one of of.toSorted((a, b) => b.order - a.order).slice(0, kept.trialLatest)) stay.add(one)
  }
  return all.filter((one) => !one.needed && !stay.has(one))
}
