import { expect, test } from 'vitest'
import { mergeUnder, setPath } from './merge-values.ts'
import { nearest } from './nearest.ts'

test.each<[string, Record<string, unknown>, Record<string, unknown>, Record<string, unknown>]>([
  ['maps merge key by key', { a: { x: 1 } }, { a: { x: 2, y: 3 }, b: 4 }, { a: { x: 1, y: 3 }, b: 4 }],
  ['null leaves open', { a: null }, { a: 1 }, { a: 1 }],
  ['lists of labels and mounts add up', { labels: ['o'], bind_mounts: [1] }, { labels: ['u'], bind_mounts: [2] }, { labels: ['u', 'o'], bind_mounts: [2, 1] }],
  ['other lists do not', { entrypoint: ['o'] }, { entrypoint: ['u'] }, { entrypoint: ['o'] }],
  ['unions of one type merge', { s: { type: 's3', bucket: 'o' } }, { s: { type: 's3', prefix: 'u' } }, { s: { type: 's3', bucket: 'o', prefix: 'u' } }],
  ['unions of two types do not', { s: { type: 's3', bucket: 'o' } }, { s: { type: 'directory', container_path: '/u' } }, { s: { type: 's3', bucket: 'o' } }],
  ['a scalar beats a map', { a: 1 }, { a: { x: 1 } }, { a: 1 }],
])('%s', (_, over, under, expected) => {
  expect(mergeUnder(over, under)).toEqual(expected)
})

test('a path is set, and refused where it cannot be', () => {
  const target: Record<string, unknown> = { name: 'x' }
  expect(setPath(target, ['resources', 'slots_per_trial'], 2)).toBeNull()
  expect(target).toEqual({ name: 'x', resources: { slots_per_trial: 2 } })
  expect(setPath(target, ['name', 'first'], 1)).toBe('"name" holds no map')
  expect(setPath(target, ['__proto__', 'polluted'], 1)).toBe('"__proto__" is no key')
  expect(setPath(target, ['a', ''], 1)).toBe('"" is no key')
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

test.each([['entrypont', 'entrypoint'], ['Resources', 'resources'], ['nmae', 'name'], ['xyz', null], ['x'.repeat(1000), null]])('nearest of %s', (word, meant) => {
  expect(nearest(word, ['entrypoint', 'resources', 'name'])).toBe(meant)
})
