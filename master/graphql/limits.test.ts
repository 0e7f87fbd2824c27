import { buildSchema } from 'postgraphile/graphql'
import { describe, expect, test } from 'vitest'
import { boundCost } from './cost.ts'
import { readQuery } from './limits.ts'
import { QueryRefused } from './refusal.ts'

function refusal(text: string): string {
  try {
    readQuery(text)
  } catch (error) {
    if (error instanceof QueryRefused) return error.message
    throw error
  }
  return 'taken'
}
const nested = (depth: number): string => `{${'parent{'.repeat(depth)}id${'}'.repeat(depth)}}`
/** 2^n fields in n fragments */
const bomb = (n: number): string => `{x{...f0}} ${Array.from({ length: n }, (_, i) => `fragment f${i} on T {...f${i + 1} ...f${i + 1}}`).join(' ')} fragment f${n} on T {id}`

describe('an attacker\'s query is refused by its text alone', () => {
  test.each<[string, string, RegExp]>([
    ['deep', nested(200), /nested deeper than 12/],
    ['wide', `{${Array.from({ length: 700 }, (_, i) => `f${i}`).join(' ')}}`, /more than 20 fields at the top/],
    ['wide further in', `{x{${Array.from({ length: 700 }, (_, i) => `f${i}`).join(' ')}}}`, /more than 600 fields/],
    ['aliased', `{x{${Array.from({ length: 40 }, (_, i) => `a${i}: id`).join(' ')}}}`, /more than 30 aliases/],
    ['the same field again and again', `{x{${'__typename '.repeat(2_500)}}}`, /more than 600 fields/],
    ['more words than anybody writes', `{x{${'a '.repeat(10_000)}}}`, /more than 3000 words/],
    ['a bomb of fragments', bomb(25), /more than 600 fields/],
    ['fragments in a circle', '{...a} fragment a on T {...b} fragment b on T {...a}', /contains itself/],
    ['a fragment within itself', '{...a} fragment a on T {x{...a}}', /contains itself/],
    ['directives', `{x ${'@skip(if: true) '.repeat(40)}}`, /more than 20 directives/],
    ['directives on the operation', `query ${'@a '.repeat(40)}{x}`, /more than 20 directives/],
    ['many operations', Array.from({ length: 9 }, (_, i) => `query q${i} {x}`).join(' '), /more than 5 operations/],
    ['many fragments', `{x} ${Array.from({ length: 40 }, (_, i) => `fragment f${i} on T {x}`).join(' ')}`, /more than 30 fragments/],
    ['large', `{x(a: "${'a'.repeat(40_000)}")}`, /bytes/],
    ['a mutation', 'mutation {x}', /GraphQL only reads here/],
    ['a subscription', 'subscription {x}', /only reads here/],
    ['a type', 'type T {x: Int}', /operations and fragments only/],
    ['introspection nested', `{__schema{types{${'fields{type{'.repeat(20)}name${'}}'.repeat(20)}}}}`, /nested deeper than 16/],
  ])('%s', (_, text, words) => {
    expect(refusal(text)).toMatch(words)
  })

  test('what a person asks is taken', () => {
    expect(refusal(nested(10))).toBe('taken')
    expect(refusal('query a($n: Int) {x(first: $n) {...f}} fragment f on T {id}')).toBe('taken')
  })
})

describe('what it could touch is bounded before it is carried out', () => {
  const schema = buildSchema('type Query {experiments(first: Int, last: Int): ExperimentConnection experiment(id: Int): Experiment} type ExperimentConnection {nodes: [Experiment] totalCount: Int} type Experiment {id: Int cost: Cost trials(first: Int, last: Int): TrialConnection} type TrialConnection {nodes: [Trial] totalCount: Int} type Trial {id: Int} type Cost {total: Float}')
  const cost = (text: string, variables: Record<string, unknown> = {}): number => boundCost(schema, readQuery(text), null, variables)

  test('pages multiply', () => {
    expect(cost('{experiment(id: 1) {id}}')).toBe(1)
    expect(cost('{experiments(first: 10) {nodes {id trials(first: 5) {nodes {id}}}}}')).toBe(10 * (1 + 1 + 5 * 2))
    expect(cost('query ($n: Int = 3) {experiments(first: $n) {nodes {id}}}')).toBe(6)
    expect(cost('query ($n: Int = 3) {experiments(first: $n) {nodes {id}}}', { n: 5 })).toBe(10)
    expect(cost('{experiments {totalCount}}')).toBeLessThan(5)
  })

  test.each([
    ['{experiments {nodes {id}}}', 'write experiments(first: 20)'],
    ['{experiments(first: 100000) {nodes {id}}}', 'write a page of 0 to 1000 rows'],
    ['{experiments(first: -1) {nodes {id}}}', 'write a page of 0 to 1000 rows'],
    ['{experiments(first: 1000) {nodes {trials(first: 1000) {nodes {id}}}}}', 'more than 20000 rows'],
    ['{experiments(first: 1000) {nodes {cost {total}}}}', 'more than 20000 rows'],
    ['{experiments(first: 10) {nodes {...f}}} fragment f on Experiment {trials {nodes {id}}}', 'write trials(first: 20)'],
  ])('%s', (text, words) => {
    expect(() => cost(text)).toThrow(words)
  })
})
