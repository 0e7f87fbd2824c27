import { expect, test } from 'vitest'
import { isAllowed, type IamPolicy, type IamStatement } from './evaluate.ts'

const policy = (...statements: IamStatement[]): IamPolicy[] => [{ Statement: statements }]
const GET = { action: 's3:GetObject', resource: 'arn:aws:s3:::b/k' }

test.each<[string, IamPolicy[], boolean]>([
  ['nothing said', policy(), false],
  ['allowed', policy({ Effect: 'Allow', Action: 's3:Get*', Resource: 'arn:aws:s3:::b/*' }), true],
  ['actions know no case', policy({ Effect: 'Allow', Action: 'S3:getobject', Resource: '*' }), true],
  ['resources do', policy({ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::B/*' }), false],
  ['a dot is a dot', policy({ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::.?k' }), false],
  ['a deny wins', policy({ Effect: 'Allow', Action: '*', Resource: '*' }, { Effect: 'Deny', Action: 's3:*', Resource: '*' }), false],
  ['all but', policy({ Effect: 'Allow', NotAction: 'iam:*', Resource: '*' }), true],
  ['a key that is absent meets no condition', policy({ Effect: 'Allow', Action: '*', Resource: '*', Condition: { StringEquals: { 'aws:RequestTag/a': '1' } } }), false],
  ['unless it may be absent', policy({ Effect: 'Allow', Action: '*', Resource: '*', Condition: { StringEqualsIfExists: { 'aws:RequestTag/a': '1' } } }), true],
  ['a denial of what is not equal meets an absent key', policy({ Effect: 'Allow', Action: '*', Resource: '*' }, { Effect: 'Deny', Action: '*', Resource: '*', Condition: { StringNotEquals: { 'aws:x': '1' } } }), false],
])('%s', (_, policies, expected) => {
  expect(isAllowed(GET, policies)).toBe(expected)
})

test('conditions, variables and sets', () => {
  const own = policy({ Effect: 'Allow', Action: 's3:PutObject', Resource: 'arn:aws:s3:::b/${aws:userid}/*' })
  expect(isAllowed({ action: 's3:PutObject', resource: 'arn:aws:s3:::b/me/k', context: { 'AWS:UserId': 'me' } }, own)).toBe(true)
  expect(isAllowed({ action: 's3:PutObject', resource: 'arn:aws:s3:::b/you/k', context: { 'aws:userid': 'me' } }, own)).toBe(false)
  expect(isAllowed({ action: 's3:PutObject', resource: 'arn:aws:s3:::b//k' }, own)).toBe(false)
  const keys = policy({ Effect: 'Allow', Action: '*', Resource: '*', Condition: { 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a', 'b'] } } })
  expect(isAllowed({ ...GET, context: { 'aws:TagKeys': ['a'] } }, keys)).toBe(true)
  expect(isAllowed({ ...GET, context: { 'aws:TagKeys': ['a', 'c'] } }, keys)).toBe(false)
})

test('a session has what both allow', () => {
  const wide = policy({ Effect: 'Allow', Action: 's3:*', Resource: '*' })
  const narrow = policy({ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/p/*' })
  expect(isAllowed(GET, wide, narrow)).toBe(false)
  expect(isAllowed({ ...GET, resource: 'arn:aws:s3:::b/p/k' }, wide, narrow)).toBe(true)
})

test('an operator that it does not know is no answer', () => {
  expect(() => isAllowed({ ...GET, context: { k: '1' } }, policy({ Effect: 'Allow', Action: '*', Resource: '*', Condition: { NumericLessThan: { k: '2' } } }))).toThrow('NumericLessThan')
})
