import type { ApiWhyInstance } from '../../protocol/wire/api.ts'
import { ageText, costText, launchOutcome, whenText, withoutStop } from './format.ts'
import { stateWord } from './shapes.ts'
import type { Why } from './shapes.ts'

const EVENTS_SHOWN = 10
const LAUNCHES_SHOWN = 5

/** The summary first, then each trial with what it waits for or how it ended, what EC2 does for it, the cost, the cure, the newest events. */
export function whyLines(why: Why): string[] {
  const summary = why.summary || why.stateReason || stateWord(why.state ?? '')
  const trials = (why.trials ?? []).map((trial) => {
    const facts = [
      trial.stateReason ?? '',
      trial.allocationState ? `allocation ${trial.allocationState}` : '',
      trial.waitReason ? `waits: ${trial.waitReason.replace(/^waits: /, '')}` : '',
      trial.wantReason ? `asked to ${trial.want ?? 'stop'}: ${trial.wantReason}` : '',
      trial.exitKind ? `last exit ${trial.exitKind}${trial.exitText ? `: ${trial.exitText}` : ''}` : '',
    ]
    return `trial ${trial.trialId} ${stateWord(trial.state ?? '')}${facts.filter((fact) => fact !== '').map((fact) => `; ${fact}`).join('')}`
  })
  return [...(summary === '' ? [] : [summary]), ...trials, ...herdLines(why), ...endLines(why)]
}

export function whyInstanceLines(why: ApiWhyInstance): string[] {
  return [why.summary, ...endLines(why)]
}

function herdLines(why: Why): string[] {
  const { pool, starting = [], launches = [] } = why
  return [
    ...(pool?.note && !why.summary?.includes(pool.note) ? [`pool ${pool.name}: ${pool.note}`] : []),
    ...(pool?.paused ? [`pool ${pool.name} is paused: ${pool.paused}`] : []),
    ...starting.map((one) => `starting: ${one.id ?? 'asked of EC2'}  ${one.type} ${one.zone} ${one.market}  ${stateWord(one.state)}  ${ageText(one.ageSeconds * 1000)}`),
    ...(pool?.dry ?? []).map((mark) => `refused: ${mark.type} ${mark.zone || 'every zone'} ${mark.market}: ${mark.code}: ${withoutStop(mark.text)}; left alone until ${whenText(mark.until)}`),
    ...launches.filter((launch) => launch.state !== 'LAUNCHING' || launch.error !== null).slice(0, LAUNCHES_SHOWN).map((launch) => `asked EC2 at ${whenText(launch.decidedAt)}: ${launch.count} x ${launch.type} ${launch.zone} ${launch.market}: ${launchOutcome(launch)}`),
  ]
}

function endLines({ cost, cure, events = [] }: Pick<Why, 'cost' | 'cure' | 'events'>): string[] {
  return [
    ...(cost && cost.total !== 0 ? [`cost so far: ${costText(cost)}`] : []),
    ...(cure ? [`to do: ${cure}`] : []),
    ...events.slice(0, EVENTS_SHOWN).map(({ time, kind, text }) => `${whenText(time)}  ${kind}  ${text}`),
  ]
}
