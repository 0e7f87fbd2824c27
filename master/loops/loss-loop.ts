import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import { decideLoss } from '../reconcile/loss.ts'
import type { LossDecision } from '../reconcile/loss-world.ts'
import type { ClockWatch } from './clock-watch.ts'
import type { LoopDeps } from './deps.ts'
import { eachOrThrowAfter } from './each.ts'
import { applyLoss } from './loss-apply.ts'
import { loadLossWorld, type Hearing } from './loss-load.ts'

const SWEEP_MS = 1_000

export interface LossDeps extends LoopDeps {
  /** as it is at this moment */
  hearing: () => Hearing
  clockWatch: ClockWatch
}

/** Declares agents lost, holds the brake, retires agents whose instance is gone. */
export function startLossLoop(deps: LossDeps): Loop {
  return startLoop({ name: 'loss', sweepMs: SWEEP_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log, pass: () => lossPass(deps) })
}

export async function lossPass(deps: LossDeps): Promise<void> {
  const epoch = deps.leaderEpoch()
  if (epoch === null) return
  const world = await loadLossWorld(deps.db, deps.hearing())
  const steadyForMs = deps.clockWatch.steadyForMs(world.now)
  const steady = <T extends Hearing>(hearing: T): T => ({ ...hearing, canaryHealthyForMs: Math.min(hearing.canaryHealthyForMs, steadyForMs) })
  await eachOrThrowAfter(decideLoss(steady(world)), async (decision) => {
    if (!(await applyLoss(deps, epoch, steady(deps.hearing()), decision))) return
    tell(deps, decision)
    deps.wake('feed')
    if (decision.kind === 'brake') return
    for (const loop of ['lifecycle', 'schedule', 'scale', 'checkpoints'] as const) deps.wake(loop)
  })
}

function tell({ log }: LossDeps, decision: LossDecision): void {
  if (decision.kind === 'lose') log.warn({ agent: decision.agent, reason: decision.reason }, 'an agent is lost')
  else if (decision.kind === 'brake' && decision.to === 'on') log.error({ agents: decision.agents, reason: decision.reason }, 'the brake is on')
  else log.info({ decision }, 'loss went on')
}
