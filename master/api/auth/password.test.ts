import { expect, test } from 'vitest'
import { clientHash, hashPassword, passwordMatches, passwordMistake } from './password.ts'

test('the client hash is the one that the det client makes', () => {
  expect(clientHash('drover')).toBe('639b8ae71bf6d8d43d2da3cd218ed25d1085b957864579a8fd8158365d09ec8966f146ade0fda81705172b0cbb12e4f2a58ef26815d51ccb503055fea92bd6c5')
})

test('argon2id is stored, and only the right password matches; an unknown user never does', async () => {
  const stored = await hashPassword(clientHash('right one'))
  expect(stored).toMatch(/^\$argon2id\$/)
  expect(await passwordMatches(stored, clientHash('right one'), stored)).toBe(true)
  expect(await passwordMatches(stored, clientHash('wrong one'), stored)).toBe(false)
  expect(await passwordMatches(null, clientHash('right one'), stored)).toBe(false)
})

test('a new password that is empty, short or no hash is refused with the cure', () => {
  expect(passwordMistake('', true)).toContain('empty')
  expect(passwordMistake('short', false)).toContain('8 characters')
  expect(passwordMistake('not-a-hash', true)).toContain('SHA-512')
  expect(passwordMistake(clientHash('long enough'), true)).toBeNull()
})
