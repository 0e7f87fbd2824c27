import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import { plainValue } from './plain-value.ts'
import { readJson } from './read-json.ts'

test.each([
  ['a key twice', '{"a": 1, "a": 2}'], ['a key twice further in', '{"a": {"b": 1, "\\u0062": 2}}'], ['a list', '[1]'], ['a text', '"a"'], ['YAML', 'a: 1'], ['flow YAML', '{a: 1}'], ['nothing', ''], ['a comment', '{"a": 1} # b'],
  ['a key of the language', '{"__proto__": {"x": 1}}'], ['a merge key', '{"<<": {"x": 1}}'], ['a NUL', '{"a": "\\u0000"}'], ['too deep', `{"a":${'['.repeat(40)}${']'.repeat(40)}}`], ['a number without end', '{"a": 1e999}'], ['two documents', '{}{}'],
])('leaves to the YAML path: %s', (_, text) => {
  expect(readJson(text)).toBeUndefined()
})

test('colons and quotes within texts count for nothing', () => {
  const value = { 'a": ': '":', b: ['x": 1, "y": 2', '\\'], 'c\\"': { d: ' : ' } }
  expect(readJson(JSON.stringify(value))).toEqual(value)
})

test('a text that begins with a colon hides no key that stands there twice', () => {
  expect(readJson('{"a": "x", ":b": 1, "c": ": y"}')).toEqual({ a: 'x', ':b': 1, c: ': y' })
  expect(readJson('{"a": "x", ":b": 1, "a": ": y"}')).toBeUndefined()
})

test('quotes without number within one text cost no more than their length', () => {
  const cost = (quotes: number): number => {
    const text = JSON.stringify({ name: '"'.repeat(quotes), list: Array.from({ length: 50 }, () => '\\"') })
    const before = process.cpuUsage()
    expect(readJson(text)).toEqual(JSON.parse(text))
    return (({ user, system }) => user + system)(process.cpuUsage(before)) / 1000
  }
  cost(1_000)
  // by the square of the length it would be some 20,000 ms
  expect(cost(120_000)).toBeLessThan(1_000)
})

test('gives what the YAML path gives, for every JSON', () => {
  fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 6 }), fc.boolean(), (value, pretty) => {
    const text = JSON.stringify(value, null, pretty ? 2 : 0)
    const plain = readJson(text)
    if (plain === undefined) return
    expect(plain).toEqual(plainValue(parseDocument(text, { uniqueKeys: false, stringKeys: true, merge: false }), { errors: [], warnings: [] }))
  }), { numRuns: 500 })
})
