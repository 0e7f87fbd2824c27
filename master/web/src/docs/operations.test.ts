import { expect, test } from 'vitest'
import { operationsOf } from './operations.ts'

test('routes in order of path, with what is sent', () => {
  const operations = operationsOf({ paths: {
    '/b': { post: { requestBody: { content: { 'application/json': { schema: { type: 'object' } } } } }, get: { parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer', minimum: 0, maximum: 5 } }] } },
    '/a/{id}': { get: { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string', maxLength: 9 } }, { name: 'x', in: 'query', schema: { anyOf: [] } }, { name: 'y', in: 'query' }] } },
  } })
  expect(operations.map((one) => `${one.method} ${one.path}`)).toEqual(['get /a/{id}', 'get /b', 'post /b'])
  expect(operations[0]?.parameters.map((one) => one.schema)).toEqual(['string, at most 9 characters', '{"anyOf":[]}', 'anything'])
  expect(operations[1]?.parameters).toEqual([{ name: 'limit', in: 'query', required: false, schema: 'integer, 0 to 5' }])
  expect(operations[2]?.body).toBe('{\n "type": "object"\n}')
})
