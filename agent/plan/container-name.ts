/**
 * The deterministic name: whoever creates it twice gets a clash, and the clash means "it is there already". The head of
 * the cluster's id keeps clusters apart that share an engine (their first trial is trial-1 in each); members of a gang
 * carry their rank, so that two agents may share one too.
 */
export function containerName(spec: { alloc: string; rank: number; worldSize: number; clusterId: string }): string {
  const rank = spec.worldSize > 1 ? `-r${spec.rank}` : ''
  return `${baseName(spec.alloc)}${rank}.${spec.clusterId.slice(0, 8)}`
}

/** True for a name that Drover gives to a member of this allocation, where its spec is not at hand. */
export function isContainerNameOf(alloc: string, name: string): boolean {
  const [head, cluster, ...rest] = name.split('.')
  if (head === undefined || !cluster || rest.length > 0) return false
  const base = baseName(alloc)
  return head === base || (head.startsWith(`${base}-r`) && /^\d+$/.test(head.slice(base.length + 2)))
}

function baseName(alloc: string): string {
  return `drover-${alloc.replace('.', '-')}`
}
