import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import { decideTrial } from '../reconcile/lifecycle.ts'
import { commandPass } from './command-pass.ts'
import type { LoopDeps } from './deps.ts'
import { eachOrThrowAfter } from './each.ts'
import { applyLifecycle } from './lifecycle-apply.ts'
import { loadLifecycle } from './lifecycle-load.ts'

const SWEEP_MS = 1_000

/** Drives each trial to its next step: allocation, wish, seal, end. */
export function startLifecycleLoop(deps: LoopDeps): Loop {
  return startLoop({ name: 'lifecycle', sweepMs: SWEEP_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log, pass: () => lifecyclePass(deps) })
}

export async function lifecyclePass(deps: LoopDeps): Promise<void> {
  const epoch = deps.leaderEpoch()
  if (epoch === null) return
  await commandPass(deps, epoch)
  const { now, trials } = await loadLifecycle(deps.db, 'moving')
  const steps = trials.flatMap((facts) => {
    const decision = decideTrial(facts, now)
    return decision === null ? [] : [{ facts, decision }]
  })
  await eachOrThrowAfter(steps, async ({ facts, decision }) => {
    const applied = await applyLifecycle(deps, epoch, facts, now, decision)
    if (applied === null) return
    deps.log.info({ trial: facts.trialId, decision }, 'trial went on')
    deps.poke(applied.agents)
    deps.wake('schedule')
    deps.wake('feed')
  })
}
