import { backoffMs } from '../../protocol/kit/backoff.ts'
import { cureOf } from '../cloud/cures.ts'
import { clearAlarm, raiseAlarm } from '../store/alarms.ts'
import { addEvents } from '../store/events.ts'
import { assertLeader } from '../store/leader.ts'
import { refusalOf, type Refusal } from './cloud-words.ts'
import { regionOf, type HerdDeps } from './herd-deps.ts'

const RETRY = { baseMs: 5_000, capMs: 60_000, floorMs: 2_000 }
/** Failures in a row after which a person is told. */
const ALARM_AFTER = 3
const CONSOLE_MS_MAX = 10_000
const CONSOLE_CHARS_MAX = 64 * 1024

/** Asks EC2 to end what is TERMINATING, again and again until EC2 says that it is going. Remembers only how long to pause. */
export interface Terminator {
  pass(epoch: number): Promise<void>
}

export function createTerminator(deps: HerdDeps): Terminator {
  const pauses = new Map<string, { asked: number; dueMs: number }>()
  const failures = new Map<string, number>()
  /** regions without an alarm, also none that an earlier master left */
  const fine = new Set<string>()

  async function end(epoch: number, region: string, ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const asked = (pauses.get(id)?.asked ?? 0) + 1
      pauses.set(id, { asked, dueMs: deps.clock.monotonicMs() + backoffMs(asked, deps.random, RETRY) })
    }
    try {
      await (await deps.clouds.of(region)).terminate(ids)
    } catch (error) {
      const failed = (failures.get(region) ?? 0) + 1
      failures.set(region, failed)
      fine.delete(region)
      deps.log.warn({ region, instances: ids, failed, err: error }, 'EC2 did not take a termination, will be tried again')
      if (failed === ALARM_AFTER) await tellFailing(deps, epoch, region, ids, refusalOf(error))
      return
    }
    failures.delete(region)
    if (!fine.has(region)) await tellBetter(deps, epoch, region)
    fine.add(region)
    // the next list says whether they are going
    deps.wake('truth')
  }

  return {
    async pass(epoch) {
      const rows = await deps.db.selectFrom('instances').select(['id', 'pool', 'zone']).where('state', '=', 'TERMINATING').orderBy('id').execute()
      const open = new Set(rows.map((row) => row.id))
      for (const id of pauses.keys()) if (!open.has(id)) pauses.delete(id)
      const due = rows.filter((row) => deps.clock.monotonicMs() >= (pauses.get(row.id)?.dueMs ?? Number.NEGATIVE_INFINITY))
      for (const region of new Set(due.map((row) => regionOf(deps, row)))) {
        deps.background.start(`terminate:${region}`, () => end(epoch, region, due.filter((row) => regionOf(deps, row) === region).map((row) => row.id)))
      }
    },
  }
}

/** Bounded in time and size; an instance without console output, or an EC2 that does not give it, holds up nothing. */
export async function fetchConsole(deps: HerdDeps, id: string): Promise<string> {
  const row = await deps.db.selectFrom('instances').select(['pool', 'zone']).where('id', '=', id).executeTakeFirst()
  if (row === undefined) return ''
  const done = new AbortController()
  const late = deps.clock.sleep(CONSOLE_MS_MAX, AbortSignal.any([done.signal, deps.signal])).then(() => '')
  const asked = deps.clouds.of(regionOf(deps, row)).then((cloud) => cloud.console(id)).catch((error: unknown) => {
    deps.log.warn({ instance: id, err: error }, 'the console output of an instance could not be had')
    return ''
  })
  const text = await Promise.race([asked, late])
  done.abort()
  return text.slice(-CONSOLE_CHARS_MAX)
}

const alarmOf = (region: string): string => `terminate-failing:${region}`

function tellFailing(deps: HerdDeps, epoch: number, region: string, ids: readonly string[], refusal: Refusal): Promise<void> {
  const text = `EC2 in ${region} did not end ${ids.join(', ')}, asked ${ALARM_AFTER} times (${refusal.code}: ${refusal.text}): they go on to cost money. ${cureOf(refusal.kind, refusal.code)}`
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    if (await raiseAlarm(tx, alarmOf(region), text)) await addEvents(tx, [{ kind: 'terminate-failing', instanceId: ids[0] ?? null, text, data: { ...refusal, instances: ids } }])
  })
}

function tellBetter(deps: HerdDeps, epoch: number, region: string): Promise<void> {
  return deps.db.transaction().execute(async (tx) => {
    await assertLeader(tx, epoch)
    await clearAlarm(tx, alarmOf(region))
  })
}
