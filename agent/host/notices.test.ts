import { expect, test } from 'vitest'
import type { Imds, ImdsError } from './imds.ts'
import { readNotice } from './notices.ts'

const saying = (text: string | null): Imds => ({ get: async () => text })

test.each([
  ['spot', '{"action":"terminate","time":"2030-01-02T03:04:05Z"}', { key: 'spot terminate 2030-01-02T03:04:05Z', notice: 'spot', action: 'terminate', at: Date.UTC(2030, 0, 2, 3, 4, 5) }],
  ['spot', '{"action":"hibernate"}', { key: 'spot hibernate ', notice: 'spot', action: 'hibernate', at: null }],
  ['spot', '{"action":"stop","time":"soon"}', { key: 'spot stop soon', notice: 'spot', action: 'stop', at: null }],
  ['rebalance', '{"noticeTime":"2030-01-02T03:04:05Z"}', { key: 'rebalance 2030-01-02T03:04:05Z', notice: 'rebalance', action: '', at: null }],
  ['rebalance', '{}', { key: 'rebalance ', notice: 'rebalance', action: '', at: null }],
  ['spot', null, null],
] as const)('%s %s', async (kind, text, notice) => expect(await readNotice(saying(text), kind)).toEqual(notice))

test.each(['', '{"action":', '"terminate"', '{"time":"2030-01-02T03:04:05Z"}', 'null'])('no notice: %s', async (text) => {
  await expect(readNotice(saying(text), 'spot')).rejects.toMatchObject({ name: 'ImdsError', kind: 'broken' } satisfies Partial<ImdsError>)
})
