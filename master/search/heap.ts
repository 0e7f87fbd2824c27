/** A heap of numbers in an array, the smallest at the root. Ties are alike: numbers carry nothing else. */
export function push(heap: number[], value: number): void {
  let at = heap.length
  heap.push(value)
  while (at > 0) {
    const above = (at - 1) >> 1
    const parent = heap[above] ?? value
    if (parent <= value) break
    heap[at] = parent
    at = above
  }
  heap[at] = value
}

/** Takes the root away and puts `value` in its place. The heap must not be empty. */
export function replaceRoot(heap: number[], value: number): number {
  const root = heap[0] ?? value
  let at = 0
  for (;;) {
    const left = 2 * at + 1
    if (left >= heap.length) break
    const child = left + 1 < heap.length && (heap[left + 1] ?? value) < (heap[left] ?? value) ? left + 1 : left
    const below = heap[child] ?? value
    if (value <= below) break
    heap[at] = below
    at = child
  }
  heap[at] = value
  return root
}
