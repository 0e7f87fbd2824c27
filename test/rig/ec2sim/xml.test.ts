import { describe, expect, test } from 'vitest'
import { childrenOf, find, parseXml, printXml, put, textAt, without, xml } from './xml.ts'

const TEXT = '<?xml version="1.0" encoding="utf-8"?>\n<R xmlns="http://a/b"><empty/><set><item><key>a&amp;b &lt;&#x27;&gt;</key><value> two\n lines </value></item><item/></set></R>'

describe('EC2\'s XML', () => {
  test('is printed as it was read', () => {
    expect(printXml(parseXml(TEXT))).toBe(TEXT)
  })

  test('is read and edited by path', () => {
    const document = parseXml(TEXT)
    const { root } = document
    expect(textAt(root, 'set', 'item', 'key')).toBe('a&b <\'>')
    expect([textAt(root, 'none', 'item'), textAt(root, 'empty'), find(root, 'set', 'none')]).toEqual(['', '', null])
    put(root, xml('empty', 'full & "quoted"'))
    put(root, xml('more', [xml('one')]))
    const item = find(root, 'set', 'item')
    if (item) without(item, 'key')
    expect(printXml(document)).toBe('<?xml version="1.0" encoding="utf-8"?>\n<R xmlns="http://a/b"><empty>full &amp; &quot;quoted&quot;</empty><set><item><value> two\n lines </value></item><item/></set><more><one/></more></R>')
    expect(childrenOf(root).map((child) => child.name)).toEqual(['empty', 'set', 'more'])
  })

  test.each(['', 'no element', '<a><b></a></b>', '<a><b>', '<a>text'])('refuses %j', (text) => {
    expect(() => parseXml(text)).toThrow(/XML|closes/)
  })
})
