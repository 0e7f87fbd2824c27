import Type from 'typebox'
import { Check } from 'typebox/value'
import type { Clock } from '../../protocol/kit/clock.ts'
import type { Log } from '../../protocol/kit/log.ts'
import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { NoticeKind } from '../../protocol/words/instances.ts'
import { ImdsError, type Imds } from '../host/imds.ts'
import { readNotice, type Notice } from '../host/notices.ts'
import type { Journal } from '../journal/door.ts'

export interface NoticeDeps {
  imds: Imds
  journal: Pick<Journal, 'getMeta' | 'transaction'>
  clock: Clock
  random: () => number
  log: Log
  signal: AbortSignal
}

/** With a call that takes its whole second a notice is still seen within 5 s. */
const SWEEP_MS = 4_000
const KINDS: readonly NoticeKind[] = ['spot', 'rebalance']
const KEY = 'notices'
const KNOWN_MAX = 64
const Known = Type.Array(Type.String())

/**
 * Asks the metadata service whether EC2 takes the instance away. Each distinct notice becomes one event, remembered in the
 * commit that holds the event. A broken service is told once, and again when it is well: never more than a question unanswered.
 */
export function startNotices(deps: NoticeDeps): Loop {
  const stored: unknown = JSON.parse(deps.journal.getMeta(KEY) ?? '[]')
  let known = Check(Known, stored) ? stored : []
  const broken = new Set<NoticeKind>()
  return startLoop({ name: 'notices', sweepMs: SWEEP_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log, pass: async () => void (await Promise.all(KINDS.map(ask))) })

  async function ask(kind: NoticeKind): Promise<void> {
    let notice: Notice | null
    try {
      notice = await readNotice(deps.imds, kind)
    } catch (error) {
      if (!(error instanceof ImdsError)) throw error
      if (!broken.has(kind)) deps.log.warn({ kind, err: error }, 'the metadata service cannot be asked for notices, will be tried again')
      broken.add(kind)
      return
    }
    if (broken.delete(kind)) deps.log.info({ kind }, 'the metadata service answers again')
    if (notice !== null && !known.includes(notice.key)) take(notice)
  }

  function take({ key, notice, action, at }: Notice): void {
    const next = [...known, key].slice(-KNOWN_MAX)
    deps.journal.transaction((tx) => {
      tx.setMeta(KEY, JSON.stringify(next))
      tx.append({ kind: 'notice', t: deps.clock.wallMs(), notice, action, at })
    })
    known = next
    deps.log.warn({ notice, action, at }, 'EC2 gave notice for this instance')
  }
}
