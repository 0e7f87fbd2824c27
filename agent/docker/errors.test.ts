import { describe, expect, test } from 'vitest'
import { nameDockerError, namePullError } from './errors.ts'
import { checkImageName } from './image-name.ts'
import { unframe } from './unframe.ts'

const http = (statusCode: number, message: string): Error => Object.assign(new Error(`(HTTP code ${statusCode}) reason - ${message} `), { statusCode })

describe('errors of the engine', () => {
  test.each([
    [http(404, 'No such container: abc'), 'missing'],
    [http(404, 'No such image: x:1'), 'image-missing'],
    [http(409, 'Conflict. The container name "/x" is already in use'), 'conflict'],
    [http(409, 'Container abc is not running'), 'not-running'],
    [http(304, 'container already started'), 'already'],
    [http(400, 'invalid mount config for type "bind": bind source path does not exist: /x'), 'invalid'],
    [http(500, 'write /var/lib/docker/x: no space left on device'), 'no-space'],
    [http(500, 'something else'), 'server'],
    [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'unreachable'],
    [Object.assign(new Error('connect ENOENT /var/run/docker.sock'), { code: 'ENOENT' }), 'unreachable'],
    [new DOMException('aborted', 'AbortError'), 'aborted'],
    ['thrown text', 'server'],
  ] as const)('%s', (error, kind) => {
    expect(nameDockerError(error).kind).toBe(kind)
  })
  test('the message is Docker\'s own, without the client\'s wrapping', () => {
    expect(nameDockerError(http(404, 'No such image: x - y')).message).toBe('No such image: x - y')
  })
})

describe('answers of a registry', () => {
  test.each([
    ['manifest for python:nope not found: manifest unknown: manifest unknown', 'image-missing'],
    ['pull access denied for foo/bar, repository does not exist or may require \'docker login\': denied: requested access to the resource is denied', 'denied'],
    ['Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.0.0.2:53: no such host', 'registry-unreachable'],
    ['Get "https://r/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)', 'registry-unreachable'],
    ['toomanyrequests: You have reached your pull rate limit', 'registry-unreachable'],
    ['failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device', 'no-space'],
    ['invalid reference format', 'invalid'],
    ['no matching manifest for linux/arm64 in the manifest list entries', 'image-missing'],
    ['Get "https://x/v2/": unauthorized: authentication required', 'denied'],
  ] as const)('%s', (message, kind) => {
    expect(namePullError(message).kind).toBe(kind)
  })
})

describe('image names', () => {
  test.each(['python', 'python:3.12', 'a/b', 'localhost:5000/a/b:1', '123.dkr.ecr.us-east-1.amazonaws.com/team/train:v1', 'drover/test-python:1', `x@sha256:${'a'.repeat(64)}`, 'a/b__c-d.e', `sha256:${'0'.repeat(64)}`])('%s', (name) => {
    expect(() => checkImageName(name)).not.toThrow()
  })
  test.each(['', 'Not A Name', 'UPPER', '../containers/json', 'a/../b', 'a?x=1', 'a#b', 'a//b', 'a:', 'a@sha256:1', '-a', 'x'.repeat(600)])('not %j', (name) => {
    expect(() => checkImageName(name)).toThrow('invalid reference format')
  })
})

test('frames of the log stream, also a cut one', () => {
  const frame = (stream: number, text: string): Buffer => Buffer.concat([Buffer.from([stream, 0, 0, 0]), Buffer.from([0, 0, 0, text.length]), Buffer.from(text)])
  const whole = Buffer.concat([frame(1, 'out\n'), frame(2, 'err\n')])
  expect(unframe(whole)).toBe('out\nerr\n')
  expect(unframe(whole.subarray(0, whole.length - 2))).toBe('out\ner')
  expect(unframe(Buffer.alloc(0))).toBe('')
})
