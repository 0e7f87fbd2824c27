import { describeSpotPriceHistory, getConsoleOutput, passOn } from './answers.ts'
import { errorXml, Refusal, type Ec2Error } from './errors.ts'
import { factsOf, type Zones } from './facts.ts'
import type { Form } from './form.ts'
import { describeInstances, terminateInstances } from './instances.ts'
import { MotoError, type Answer } from './moto.ts'
import { codeIn, instancesIn, type Recorder } from './recorder.ts'
import type { Rules } from './rules.ts'
import type { Launcher } from './run-instances.ts'
import type { Call, World } from './world.ts'

export interface Parts {
  world: World
  zones: Zones
  rules: Rules
  recorder: Recorder
  launcher: Launcher
}

/** Carries out one call of the Query protocol; null = the caller gets no answer. `signal`: the simulator closes. */
export async function answerCall({ world, zones, rules, recorder, launcher }: Parts, form: Form, region: string, signal: AbortSignal): Promise<Answer | null> {
  const facts = await factsOf(form, region, zones)
  const record = recorder.begin(world.clock.wallMs(), region, facts, Object.fromEntries(form.entries))
  const verdict = rules.judge(facts)
  if (verdict.delayMs > 0) await world.clock.sleep(verdict.delayMs, signal)
  if (verdict.drop === 'before') {
    Object.assign(record, { outcome: 'lost', lost: 'before' })
    return null
  }
  const answer = verdict.error ? errorAnswer(verdict.error) : await carryOut(world, launcher, { form, region, facts })
  const ok = answer.status === 200
  Object.assign(record, { status: answer.status, outcome: ok ? 'ok' : codeIn(answer.body), instances: ok ? instancesIn(answer.body) : [], lost: verdict.drop })
  return verdict.drop === 'after' ? null : answer
}

async function carryOut(world: World, launcher: Launcher, call: Call): Promise<Answer> {
  try {
    switch (call.form.action) {
      case 'RunInstances': return await launcher.run(call)
      case 'DescribeInstances': return await describeInstances(world, call)
      case 'TerminateInstances': return await terminateInstances(world, call)
      case 'DescribeSpotPriceHistory': return describeSpotPriceHistory(world, call)
      case 'GetConsoleOutput': return await getConsoleOutput(world, call)
      default: return await passOn(world, call)
    }
  } catch (error) {
    if (error instanceof Refusal) return errorAnswer(error.answer)
    if (error instanceof MotoError) return error.answer
    throw error
  }
}

function errorAnswer(error: Ec2Error): Answer {
  return { status: error.status, headers: { 'content-type': 'text/xml;charset=UTF-8' }, body: errorXml(error) }
}
