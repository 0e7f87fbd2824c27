import { expect, test } from 'vitest'
import { readArguments, UsageError } from './arguments.ts'

test.each([
  [[], { kind: 'serve' }], [['serve'], { kind: 'serve' }], [['--help'], { kind: 'help' }], [['nats-config', '-h'], { kind: 'help' }], [['--version'], { kind: 'version' }],
  [['nats-config', '--state-dir', '/s', '--listen', '127.0.0.1:4'], { kind: 'nats-config', stateDir: '/s', listen: '127.0.0.1:4' }],
  [['join-token'], { kind: 'join-token', stateDir: '/env' }],
])('%j', (args, command) => {
  expect(readArguments(args, { DROVER_STATE_DIR: '/env' })).toEqual(command)
})

test.each([[['start'], /unknown command "start"/], [['--what'], /--what/], [['serve', 'twice'], /unexpected "twice"/], [['nats-config', '--listen', 'x"\n:1'], /write host:port/]])('%j is refused', (args, words) => {
  expect(() => readArguments(args, {})).toThrow(UsageError)
  expect(() => readArguments(args, {})).toThrow(words)
})
