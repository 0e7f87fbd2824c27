import { expect } from 'vitest'
import type { Row } from '../exam.ts'
import { PASSWORD } from '../../rig/stack.ts'

const BOB = 'Bob-secret-1'
const NEWER = 'Bob-secret-2'

export const userRows: readonly Row[] = [
  {
    command: 'det user login',
    async check(exam) {
      const wrong = await exam.det(['user', 'login', 'admin'], { input: ['not the password'] })
      expect([wrong.code, wrong.err]).toEqual([1, expect.stringMatching(/invalid|wrong|credentials/i)])
      const right = await exam.det(['user', 'login', 'admin'], { input: [PASSWORD] })
      expect(right.code, right.err).toBe(0)
    },
  },
  { command: 'det user whoami', check: async (exam) => expect(await exam.ok('user', 'whoami')).toContain("logged in as user 'admin'") },
  {
    command: 'det user create',
    async check(exam) {
      await exam.ok('user', 'create', 'bob', '--password', BOB)
      const twice = await exam.det(['user', 'create', 'bob', '--password', BOB])
      expect([twice.code, twice.err]).toEqual([1, expect.stringContaining('taken')])
      const asBob = await exam.det(['user', 'login', 'bob'], { input: [BOB], as: 'bob' })
      expect(asBob.code, asBob.err).toBe(0)
      const refused = await exam.det(['user', 'create', 'eve', '--password', BOB], { as: 'bob' })
      expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('administrator')])
    },
  },
  {
    command: 'det user list',
    async check(exam) {
      const out = await exam.ok('user', 'list')
      expect(out).toMatch(/admin .*True/)
      expect(out).toMatch(/bob /)
    },
  },
  {
    command: 'det user change-password',
    async check(exam) {
      const changed = await exam.det(['user', 'change-password'], { input: [NEWER, NEWER], as: 'bob' })
      expect(changed.code, changed.err).toBe(0)
      expect((await exam.det(['user', 'login', 'bob'], { input: [BOB], as: 'bob' })).code).toBe(1)
      expect((await exam.det(['user', 'login', 'bob'], { input: [NEWER], as: 'bob' })).code).toBe(0)
      const byAdmin = await exam.det(['user', 'change-password', 'bob'], { input: [BOB, BOB] })
      expect(byAdmin.code, byAdmin.err).toBe(0)
    },
  },
  {
    command: 'det user edit, link-with-agent-user',
    async check(exam) {
      await exam.ok('user', 'edit', 'bob', '--display-name', 'Bob B')
      await exam.ok('user', 'link-with-agent-user', 'bob', '--agent-uid', '1001', '--agent-user', 'bob', '--agent-gid', '1002', '--agent-group', 'lab')
      expect(await exam.ok('user', 'list')).toMatch(/bob.*Bob B.*1001.*1002.*bob.*lab/)
    },
  },
  {
    command: 'det user deactivate',
    async check(exam) {
      await exam.ok('user', 'deactivate', 'bob')
      expect((await exam.det(['user', 'login', 'bob'], { input: [BOB], as: 'bob' })).code).toBe(1)
      expect(await exam.ok('user', 'list')).not.toMatch(/bob /)
      expect(await exam.ok('user', 'list', '--all')).toMatch(/bob /)
    },
  },
  {
    command: 'det user activate',
    async check(exam) {
      await exam.ok('user', 'activate', 'bob')
      const login = await exam.det(['user', 'login', 'bob'], { input: [BOB], as: 'bob' })
      expect(login.code, login.err).toBe(0)
    },
  },
  {
    command: 'det user logout',
    async check(exam) {
      expect((await exam.det(['user', 'logout'], { as: 'bob' })).code).toBe(0)
      expect((await exam.det(['user', 'whoami'], { as: 'bob' })).code).toBe(1)
    },
  },
]
