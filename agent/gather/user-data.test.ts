import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseUserData, USER_DATA_KEYS } from './user-data.ts'

test.each([
  ['none', null, {}],
  ['empty', ' \n', {}],
  ['only the first line', '#drover', {}],
  ['a whole document', '#drover\nDROVER_MASTER_URL=https://10.0.0.5:8443\nDROVER_JOIN_TOKEN=a=b.c\n\n# by the master\nDROVER_POOL=gpu\n', { DROVER_MASTER_URL: 'https://10.0.0.5:8443', DROVER_JOIN_TOKEN: 'a=b.c', DROVER_POOL: 'gpu' }],
  ['white space and CRLF', '#drover\r\n  DROVER_POOL = gpu \r\nDROVER_CPU_SLOTS=2\r\n', { DROVER_POOL: 'gpu', DROVER_CPU_SLOTS: '2' }],
  ['an empty value', '#drover\nDROVER_POOL=', { DROVER_POOL: '' }],
])('%s', (_name, text, settings) => expect(parseUserData(text)).toEqual({ settings, problems: [] }))

test.each([
  ['somebody else\'s document', '#cloud-config\nruncmd: []', [/does not begin with the line #drover/]],
  ['no key', '#drover\njust words', [/^line 2 of the user data is not KEY=value/]],
  ['a key in lower case', '#drover\ndrover_pool=x', [/^line 2 .* is not KEY=value/]],
  ['an unknown key', '#drover\nPATH=/tmp\nDROVER_STATE_DIR=/x', [/^line 2 .* sets PATH, which user data may not: leave it out/, /^line 3 .* sets DROVER_STATE_DIR/]],
  ['twice', '#drover\nDROVER_POOL=a\nDROVER_POOL=b', [/^line 3 .* sets DROVER_POOL a second time/]],
])('%s is named with its cure', (_name, text, problems) => {
  expect(parseUserData(text).problems).toEqual(problems.map((problem) => expect.stringMatching(problem)))
})

test('whatever it holds, no value is repeated in a problem and no other key is taken', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.tuple(fc.constantFrom('DROVER_POOL', 'HOME', 'x y', ''), fc.constant('s3cret-value')).map((pair) => pair.join('='))), { maxLength: 20 }), (lines) => {
      const { settings, problems } = parseUserData(`#drover\n${lines.join('\n')}`)
      expect(problems.join('\n')).not.toContain('s3cret-value')
      for (const key of Object.keys(settings)) expect(USER_DATA_KEYS).toContain(key)
    }),
  )
})
