import type { CallFacts } from './rules.ts'

/** One call of EC2 as it came in, and what became of it. */
export interface Ec2Call {
  /** Unix milliseconds */
  at: number
  action: string
  region: string
  params: Record<string, string>
  type: string
  zone: string
  market: string
  /** 'open' while it is worked on; 'ok', or EC2's error code. What the caller would have been told, where the answer was lost. */
  outcome: string
  /** HTTP; 0 = none */
  status: number
  /** the caller got no answer: the call broke off before it had any effect, or after it had all of it */
  lost: 'before' | 'after' | null
  /** ids in the answer */
  instances: string[]
}

export interface Recorder {
  begin(at: number, region: string, facts: CallFacts, params: Record<string, string>): Ec2Call
  /** Oldest first. */
  calls(action?: string): Ec2Call[]
  clear(): void
}

export function openRecorder(): Recorder {
  let all: Ec2Call[] = []
  return {
    begin(at, region, { action, type, zone, market }, params) {
      const call: Ec2Call = { at, action, region, params, type, zone, market, outcome: 'open', status: 0, lost: null, instances: [] }
      all.push(call)
      return call
    },
    calls: (action) => all.filter((call) => action === undefined || call.action === action),
    clear: () => void (all = []),
  }
}

/** EC2's error code in an answer. */
export function codeIn(body: string): string {
  return /<Code>([^<]*)<\/Code>/.exec(body)?.[1] ?? 'unreadable'
}

export function instancesIn(body: string): string[] {
  return [...new Set([...body.matchAll(/<instanceId>([^<]+)<\/instanceId>/g)].flatMap((match) => match[1] ?? []))]
}
