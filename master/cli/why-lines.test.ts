import { expect, test } from 'vitest'
import type { ApiLaunch } from '../../protocol/wire/api.ts'
import { whyLines } from './why-lines.ts'

const LAUNCH: ApiLaunch = {
  id: 'l', pool: 'p', type: 'g5.xlarge', zone: 'us-east-1a', market: 'on-demand', gang: false, count: 1, slots: 1, perHour: null, allocations: [], reason: '', state: 'LAUNCHING', error: null,
  decidedAt: '2026-01-02T03:04:00Z', calledAt: null, settledAt: null, instances: [], followedBy: null,
}

test('an open call is told once EC2 has answered it, be it with throttling', () => {
  const error = { kind: 'throttled', code: 'RequestLimitExceeded', text: 'Request limit exceeded.', cure: 'nothing needs to be done' } as const
  expect(whyLines({ launches: [LAUNCH] })).toEqual([])
  expect(whyLines({ launches: [{ ...LAUNCH, error }] })).toEqual(['asked EC2 at 2026-01-02 03:04:00: 1 x g5.xlarge us-east-1a on-demand: RequestLimitExceeded: Request limit exceeded'])
})
