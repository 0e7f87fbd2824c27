/**
 * Reads what is asked for in one turn of the event loop with one statement. A group commit answers all its members at
 * once; what each then reads of its own row is one read.
 */
export function gather<K, V>(read: (keys: readonly K[]) => Promise<ReadonlyMap<K, V>>): (key: K) => Promise<V | null> {
  let open: { keys: Set<K>; found: Promise<ReadonlyMap<K, V>> } | null = null

  function begin(): { keys: Set<K>; found: Promise<ReadonlyMap<K, V>> } {
    const keys = new Set<K>()
    const found = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      open = null
      return read([...keys])
    })
    return { keys, found }
  }

  return async (key) => {
    const group = (open ??= begin())
    group.keys.add(key)
    return (await group.found).get(key) ?? null
  }
}
