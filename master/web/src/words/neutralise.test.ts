import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { neutralise, neutraliseLine } from './neutralise.ts'

describe('neutralise', () => {
  it('drops terminal sequences', () => {
    expect(neutralise('\u001b[1;31mloss\u001b[0m 0.5')).toBe('loss 0.5')
    expect(neutralise('\u001b]8;;http://evil\u0007click\u001b]8;;\u0007')).toBe('click')
    expect(neutralise('\u001b]0;title\u001b\\x')).toBe('x')
  })

  it('shows control characters and text reordering instead of obeying them', () => {
    expect(neutralise('a\u0000b\u0008c\u007f')).toBe('a␀b␈c␡')
    expect(neutralise('abc\u202edef')).toBe('abc\ufffddef')
  })

  it('leaves markup as it is: it is only ever a text node', () => {
    expect(neutralise('<img src=x onerror=alert(1)>')).toBe('<img src=x onerror=alert(1)>')
  })

  it('never lets a control character through, whatever comes', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      // oxlint-disable-next-line no-control-regex
      expect(neutralise(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
    }))
  })
})

describe('neutraliseLine', () => {
  it('shows the last form of a line that overwrote itself', () => {
    expect(neutraliseLine('10%\r50%\r100%\r\n')).toBe('⟳ 100%')
    expect(neutraliseLine('plain\r\n')).toBe('plain')
    expect(neutraliseLine('')).toBe('')
  })
})
