import type { NoticeKind } from '../../protocol/words/instances.ts'
import { ImdsError, type Imds } from './imds.ts'

/** What EC2 says before it takes the instance; `key` tells distinct notices apart. */
export interface Notice {
  key: string
  notice: NoticeKind
  /** terminate, stop or hibernate; '' with rebalance */
  action: string
  /** Unix milliseconds at which the instance goes; null = not said */
  at: number | null
}

/** Null where there is none. Rejects with ImdsError, kind `broken` for a text that is no notice. */
export async function readNotice(imds: Imds, kind: NoticeKind): Promise<Notice | null> {
  const text = await imds.get(kind === 'spot' ? 'meta-data/spot/instance-action' : 'meta-data/events/recommendations/rebalance')
  if (text === null) return null
  const body = parse(text)
  if (kind === 'rebalance') {
    const noticed = 'noticeTime' in body && typeof body.noticeTime === 'string' ? body.noticeTime : ''
    return { key: `rebalance ${noticed.slice(0, 64)}`, notice: 'rebalance', action: '', at: null }
  }
  const action = 'action' in body && typeof body.action === 'string' ? body.action.slice(0, 32) : ''
  const time = 'time' in body && typeof body.time === 'string' ? body.time.slice(0, 64) : ''
  if (action === '') throw new ImdsError('broken', `the metadata service gave a spot notice without an action: ${text.slice(0, 200)}`)
  const at = Date.parse(time)
  return { key: `spot ${action} ${time}`, notice: 'spot', action, at: Number.isFinite(at) && at >= 0 ? at : null }
}

function parse(text: string): object {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body === 'object' && body !== null) return body
  } catch (error) {
    throw new ImdsError('broken', `the metadata service gave a notice that is no JSON: ${text.slice(0, 200)}`, error)
  }
  throw new ImdsError('broken', `the metadata service gave a notice that is no object: ${text.slice(0, 200)}`)
}
