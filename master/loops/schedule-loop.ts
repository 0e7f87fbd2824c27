import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import { schedule } from '../schedule/schedule.ts'
import type { LoopDeps } from './deps.ts'
import { applyAssign, applyWaits } from './schedule-apply.ts'
import { loadScheduleWorld } from './schedule-load.ts'
import { eachOrThrowAfter } from './each.ts'

const SWEEP_MS = 1_000

/** Load, decide, apply; agents are poked after each commit. */
export function startScheduleLoop(deps: LoopDeps): Loop {
  return startLoop({ name: 'schedule', sweepMs: SWEEP_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log, pass: () => schedulePass(deps) })
}

export async function schedulePass(deps: LoopDeps): Promise<void> {
  const epoch = deps.leaderEpoch()
  if (epoch === null) return
  const decisions = schedule(await loadScheduleWorld(deps.db))
  const assigns = decisions.filter((decision) => decision.kind === 'assign')
  await eachOrThrowAfter(assigns, async (decision) => {
    // the world moved on meanwhile: whatever moved it wakes the loop, and the sweep looks again
    if (!(await applyAssign(deps, epoch, decision))) return
    deps.log.info({ allocation: decision.allocation, members: decision.members }, 'allocation assigned')
    deps.poke(decision.members.map((member) => member.agent))
    deps.wake('feed')
  })
  const changed = await applyWaits(deps, epoch, decisions.filter((decision) => decision.kind === 'wait'))
  if (changed > 0) deps.wake('feed')
}
