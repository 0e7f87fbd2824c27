import { startLoop, type Loop } from '../../protocol/kit/loop.ts'
import type { ScaleDecision } from '../scale/world.ts'
import { loadBrake } from '../store/brake.ts'
import { eachOrThrowAfter } from './each.ts'
import type { HerdDeps } from './herd-deps.ts'
import { applyPause, applyRetire, applyTerminate } from './scale-apply.ts'
import { callLaunch, intendAgain, intendLaunch } from './scale-launch.ts'
import { loadScaleWorld } from './scale-load.ts'
import { registerReady } from './scale-register.ts'
import { applyTells } from './scale-tell.ts'
import { createTerminator, fetchConsole, type Terminator } from './scale-terminate.ts'

const SWEEP_MS = 1_000

/** Load, decide, apply; calls of EC2 go on in the background and wake the loop when their outcome is committed. */
export function startScaleLoop(deps: HerdDeps): Loop {
  const terminator = createTerminator(deps)
  return startLoop({ name: 'scale', sweepMs: SWEEP_MS, signal: deps.signal, clock: deps.clock, random: deps.random, log: deps.log, pass: () => scalePass(deps, terminator) })
}

export async function scalePass(deps: HerdDeps, terminator: Terminator): Promise<void> {
  const epoch = deps.leaderEpoch()
  if (epoch === null) return
  await registerReady(deps, epoch)
  deps.facts.refresh()
  const world = await loadScaleWorld(deps)
  const decisions = deps.decide(world)
  const braked = (await loadBrake(deps.db)).on !== null
  await eachOrThrowAfter(decisions.filter((decision) => !(braked && endsSomething(decision))), (decision) => apply(deps, epoch, decision))
  await applyTells(deps, epoch, world, decisions)
  await terminator.pass(epoch)
}

/** What waits while the brake is on; the instances that are TERMINATING already were decided before it. */
function endsSomething({ kind }: ScaleDecision): boolean {
  return kind === 'retire' || kind === 'terminate'
}

async function apply(deps: HerdDeps, epoch: number, decision: ScaleDecision): Promise<void> {
  switch (decision.kind) {
    case 'launch': {
      const row = await intendLaunch(deps, epoch, decision)
      if (row) deps.background.start(`launch:${row.id}`, () => callLaunch(deps, epoch, row))
      return
    }
    case 'call-again': {
      if (deps.background.has(`launch:${decision.launch}`)) return
      const row = await intendAgain(deps, epoch, decision.launch)
      if (row) deps.background.start(`launch:${row.id}`, () => callLaunch(deps, epoch, row))
      return
    }
    case 'retire':
      return void (await applyRetire(deps, epoch, decision))
    case 'terminate': {
      if (!decision.strike) return void (await applyTerminate(deps, epoch, decision, ''))
      deps.background.start(`strike:${decision.instance}`, async () => void (await applyTerminate(deps, epoch, decision, await fetchConsole(deps, decision.instance))))
      return
    }
    case 'pause':
      return void (await applyPause(deps, epoch, decision))
    case 'tell':
      return
  }
}
