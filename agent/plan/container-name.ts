/**
 * The deterministic name: whoever creates it twice gets a clash, and the clash means "it is there already".
 * Members of a gang carry their rank, so that two agents may share one Docker Engine.
 */
export function containerName(spec: { alloc: string; rank: number; worldSize: number }): string {
  const name = baseName(spec.alloc)
  return spec.worldSize > 1 ? `${name}-r${spec.rank}` : name
}

/** True for a name that Drover gives to a member of this allocation, where its spec is not at hand. */
export function isContainerNameOf(alloc: string, name: string): boolean {
  const base = baseName(alloc)
  return name === base || (name.startsWith(`${base}-r`) && /^\d+$/.test(name.slice(base.length + 2)))
}

function baseName(alloc: string): string {
  return `drover-${alloc.replace('.', '-')}`
}
