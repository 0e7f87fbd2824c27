import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { coalesce } from './coalesce.ts'

beforeEach(() => { vi.useFakeTimers() })
afterEach(() => { vi.useRealTimers() })

test('the first goes at once, many after it as one, and none is lost', () => {
  const sent: string[] = []
  const publish = coalesce((subject) => void sent.push(subject), 20)
  for (const subject of ['a', 'a', 'b', 'a']) publish(subject)
  expect(sent).toEqual(['a', 'b'])
  vi.advanceTimersByTime(20)
  expect(sent).toEqual(['a', 'b', 'a'])
  publish('b')
  expect(sent).toEqual(['a', 'b', 'a', 'b'])
  publish('a')
  vi.advanceTimersByTime(100)
  expect(sent).toEqual(['a', 'b', 'a', 'b', 'a'])
})
