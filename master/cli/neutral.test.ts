import fc from 'fast-check'
import { expect, test } from 'vitest'
import { logText, numberText, sizeText } from './format.ts'
import { neutralJson, neutralName, neutralText } from './neutral.ts'

test('colours go, other control characters become visible, tab and new line stay', () => {
  expect(neutralText('\u001b[1;32mok\u001b[m\ta\nb\u001b[2J\u0000\u007f\u0085')).toBe('ok\ta\nb\\x1b[2J\\x00\\x7f\\x85')
  expect(neutralName('a\tb\nc')).toBe('a\\x09b\\x0ac')
})

test('no text keeps a control character', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
    expect(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(neutralText(text))).toBe(false)
    expect(/[\u0000-\u001f]/.test(neutralName(text))).toBe(false)
    expect(JSON.parse(neutralJson(text))).toBe(text)
  }))
})

test.each([[0, '0 B'], [1023, '1023 B'], [1024, '1.0 KiB'], [5.5 * 2 ** 30, '5.5 GiB']])('size %d', (bytes, text) => expect(sizeText(bytes)).toBe(text))
test.each([[0.000123456, '0.0001235'], [1200, '1200'], ['NaN', 'NaN'], [null, ''], [[1], '[1]']])('number %j', (value, text) => expect(numberText(value)).toBe(text))

test('a log entry keeps its empty lines out and begins each carriage return anew', () => {
  expect(logText({ id: '1', timestamp: 'T', level: 'LOG_LEVEL_UNSPECIFIED', message: 'm', log: 'a\r\rb\n' })).toBe('[T] || a\n[T] || b')
  expect(logText({ id: '1', timestamp: 'T', level: 'LOG_LEVEL_ERROR', message: 'm', log: '\n' })).toBe('[T] ERROR || ')
})
