import { afterEach, describe, expect, it, vi } from 'vitest'
import { ApiError, messageOf, requestJson } from './http.ts'

afterEach(() => vi.unstubAllGlobals())

function answerWith(status: number, body: string): void {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(body, { status })))
}

describe('messageOf', () => {
  it.each([
    ['{"message":"no such pool"}', 'no such pool'],
    ['{"error":{"message":"inner"}}', 'inner'],
    ['{"error":"plain","message":""}', 'plain'],
    ['<html>', null],
    ['null', null],
    ['{}', null],
  ])('%s', (body, message) => expect(messageOf(body)).toBe(message))
})

describe('requestJson', () => {
  it('throws the words of the master with the status', async () => {
    answerWith(409, '{"message":"experiment 3 is COMPLETED and cannot be paused"}')
    await expect(requestJson('POST', '/x')).rejects.toEqual(new ApiError(409, 'experiment 3 is COMPLETED and cannot be paused'))
  })

  it('says what to do where the body says nothing', async () => {
    answerWith(401, '')
    await expect(requestJson('GET', '/x')).rejects.toThrow('Log in again')
  })

  it('tells an answer that is no JSON from a good one', async () => {
    answerWith(200, '<html>')
    await expect(requestJson('GET', '/x')).rejects.toThrow('no JSON')
    answerWith(200, '')
    await expect(requestJson('GET', '/x')).resolves.toEqual({})
  })

  it('marks a changing request as its own', async () => {
    const seen: RequestInit[] = []
    vi.stubGlobal('fetch', (_path: string, init: RequestInit) => {
      seen.push(init)
      return Promise.resolve(new Response('{}'))
    })
    await requestJson('POST', '/x')
    await requestJson('GET', '/x')
    expect(seen[0]?.headers).toMatchObject({ 'x-drover': '1' })
    expect(seen[1]?.headers).not.toHaveProperty('x-drover')
  })
})
