import { whenText } from './format.ts'
import { stateWord } from './shapes.ts'
import type { Why } from './shapes.ts'

const EVENTS_SHOWN = 10

/** The summary first, then each trial with what it waits for or how it ended, then the newest events. */
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
  const events = (why.events ?? []).slice(0, EVENTS_SHOWN).map(({ time, kind, text }) => `${whenText(time)}  ${kind}  ${text}`)
  return [...(summary === '' ? [] : [summary]), ...trials, ...events]
}
