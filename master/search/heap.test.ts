import fc from 'fast-check'
import { expect, test } from 'vitest'
import { push, replaceRoot } from './heap.ts'

test('the root is the smallest, whatever was put in and replaced', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 20 })), { maxLength: 60 }), (steps) => {
    const heap: number[] = []
    const sorted: number[] = []
    for (const [isReplaced, value] of steps) {
      if (isReplaced && heap.length > 0) expect(replaceRoot(heap, value)).toBe(sorted.shift())
      else push(heap, value)
      sorted.push(value)
      sorted.sort((a, b) => a - b)
      expect(heap[0]).toBe(sorted[0])
    }
    expect(heap.toSorted((a, b) => a - b)).toEqual(sorted)
  }), { numRuns: 500 })
})
