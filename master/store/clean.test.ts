import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cleanText, toJsonb } from './clean.ts'

test('NUL and lone surrogates become U+FFFD, everything else stays', () => {
  expect(cleanText('a\u0000b\uD800c 😀')).toBe('a\uFFFDb\uFFFDc 😀')
  expect(toJsonb({ 'k\u0000': ['v\uDC00', 1, null, { x: undefined }] })).toBe('{"k\uFFFD":["v\uFFFD",1,null,{}]}')
})

test('whatever JSON comes, the text for Postgres has neither', () => {
  fc.assert(fc.property(fc.jsonValue({ stringUnit: 'binary', maxDepth: 3 }), (value) => {
    const text = toJsonb(value)
    return text.isWellFormed() && !/\\u0000|\\ud[89a-f]/i.test(text.replaceAll('\\\\', ''))
  }))
})

test('deep nesting is cut, not a stack overflow', () => {
  let deep: unknown = 1
  for (let i = 0; i < 5_000; i += 1) deep = [deep]
  expect(toJsonb(deep)).toContain('nested too deep')
})

test('what looks deep or harmful only within a text stays as it is', () => {
  const hidden = { a: ']'.repeat(100), b: '[{'.repeat(100), c: String.raw`\u0000 \ud800`, d: '"\\' }
  expect(JSON.parse(toJsonb(hidden))).toEqual(hidden)
  let deep: unknown = ']'.repeat(200)
  for (let depth = 0; depth < 80; depth += 1) deep = { [']'.repeat(3)]: deep }
  expect(toJsonb(deep)).toContain('nested too deep')
})
