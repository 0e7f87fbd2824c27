import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAtEnd, splitHits, windowOf } from './window.ts'

describe('windowOf', () => {
  it('covers the view and stays within the rows', () => {
    fc.assert(fc.property(fc.integer({ min: -100, max: 3_000_000 }), fc.integer({ min: 0, max: 2000 }), fc.nat(100_000), (top, height, count) => {
      const { first, end } = windowOf(top, height, 20, count)
      expect(first).toBeGreaterThanOrEqual(0)
      expect(end).toBeLessThanOrEqual(count)
      expect(end - first).toBeLessThanOrEqual(height / 20 + 42)
      const seenFrom = Math.max(0, Math.min(top, count * 20 - height))
      const lastSeen = Math.min(count - 1, Math.ceil((seenFrom + height) / 20) - 1)
      for (let row = Math.floor(seenFrom / 20); row <= lastSeen; row += 1) expect(row >= first && row < end).toBe(true)
    }))
  })
})

it('stands at the end within a row', () => {
  expect(isAtEnd({ scrollTop: 781, clientHeight: 200, scrollHeight: 1000 }, 20)).toBe(true)
  expect(isAtEnd({ scrollTop: 700, clientHeight: 200, scrollHeight: 1000 }, 20)).toBe(false)
})

describe('splitHits', () => {
  it('marks each occurrence and loses no character', () => {
    expect(splitHits('Loss loss', 'loss')).toEqual(['', 'Loss', ' ', 'loss', ''])
    fc.assert(fc.property(fc.string(), fc.string({ maxLength: 3 }), (text, search) => {
      expect(splitHits(text, search.toLowerCase()).join('')).toBe(text)
    }))
  })
})
