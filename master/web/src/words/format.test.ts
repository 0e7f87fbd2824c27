import { describe, expect, it } from 'vitest'
import { formatAgo, formatBytes, formatDollars, formatDuration, formatMetric, formatShare } from './format.ts'

describe('formatBytes', () => {
  it.each([
    [0, '0 B'], [1023, '1023 B'], [1024, '1 KiB'], [1536, '1.5 KiB'], [100 * 1024 * 1024, '100 MiB'], [5.25 * 1024 ** 3, '5.25 GiB'], [-1, '–'], [Number.NaN, '–'],
  ])('%d -> %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))
})

describe('formatDuration', () => {
  it.each([
    [0, '0 s'], [59_999, '59 s'], [187_000, '3 min 07 s'], [5 * 3600_000 + 120_000, '5 h 02 min'], [76 * 3600_000, '3 d 4 h'], [-5, '–'],
  ])('%d ms -> %s', (ms, text) => expect(formatDuration(ms)).toBe(text))
})

describe('formatAgo', () => {
  it.each([
    [1000, 'just now'], [12_000, '12 s ago'], [300_000, '5 min ago'], [-30_000, 'in 30 s'], [72 * 3600_000, '3 d ago'],
  ])('%d ms ago -> %s', (ms, text) => expect(formatAgo(1e12, 1e12 + ms)).toBe(text))
})

describe('formatMetric', () => {
  it.each([
    [0, '0'], [0.123456789, '0.12346'], [2.5, '2.5'], [1e-7, '1e-7'], [123456, '123,456'], [12345.678, '12345.68'], [Number.NaN, 'NaN'], [-Infinity, '−∞'],
  ])('%d -> %s', (value, text) => expect(formatMetric(value)).toBe(text))
})

describe('formatDollars', () => {
  it.each([
    [0, '$0.00'], [1.234, '$1.23'], [12345.6, '$12,345.60'], [0.0012345, '$0.0012'], [null, 'unknown'], [Number.NaN, 'unknown'],
  ])('%d -> %s', (dollars, text) => expect(formatDollars(dollars)).toBe(text))
})

describe('formatShare', () => {
  it('says 100 % only when all is done', () => {
    expect(formatShare(0.9999)).toBe('99 %')
    expect(formatShare(1)).toBe('100 %')
    expect(formatShare(2)).toBe('100 %')
    expect(formatShare(-1)).toBe('0 %')
  })
})
