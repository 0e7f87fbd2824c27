import { ec2Error, type Ec2Error, type ErrorFacts } from './errors.ts'

/** A fault. Of those that match a call, every delay counts, and the first error or drop. */
export interface Rule {
  /** what is not named matches every call */
  when?: {
    action?: string
    type?: string
    /** as the call names it, also by its subnet */
    zone?: string
    market?: 'on-demand' | 'spot'
    /** of instances asked for (MaxCount) at least */
    count?: number
  }
  /** so many matches are let through first */
  after?: number
  /** it acts so often, then never again; default: always */
  times?: number
  /** 0..1, drawn from `seed`; default 1 */
  probability?: number
  seed?: number
  /** EC2's own words for the code, unless `status` and `message` are given */
  error?: string
  status?: number
  message?: string
  delayMs?: number
  /** the connection breaks before the call has an effect, or after it has all of it */
  drop?: 'before' | 'after'
}

/** What a rule may ask about a call. */
export interface CallFacts extends ErrorFacts {
  count: number
}

export interface Verdict {
  delayMs: number
  error: Ec2Error | null
  drop: 'before' | 'after' | null
}

/** A rule as it is in force. */
export interface LiveRule {
  id: number
  rule: Rule
  matched: number
  acted: number
}

export interface Rules {
  add(rule: Rule): LiveRule
  remove(id: number): boolean
  clear(): void
  list(): readonly LiveRule[]
  judge(call: CallFacts): Verdict
}

export function openRules(): Rules {
  let live: (LiveRule & { draw: () => number })[] = []
  let last = 0
  return {
    add(rule) {
      check(rule)
      const one = { id: ++last, rule, matched: 0, acted: 0, draw: drawFrom(rule.seed ?? 1) }
      live.push(one)
      return one
    },
    remove(id) {
      const before = live.length
      live = live.filter((one) => one.id !== id)
      return live.length < before
    },
    clear: () => void (live = []),
    list: () => live.map(({ id, rule, matched, acted }) => ({ id, rule, matched, acted })),
    judge(call) {
      const verdict: Verdict = { delayMs: 0, error: null, drop: null }
      for (const one of live) {
        const { rule } = one
        const decided = verdict.error !== null || verdict.drop !== null
        if (!matches(rule, call) || (decided && rule.delayMs === undefined)) continue
        one.matched += 1
        if (one.matched <= (rule.after ?? 0) || one.acted >= (rule.times ?? Infinity) || one.draw() >= (rule.probability ?? 1)) continue
        one.acted += 1
        verdict.delayMs += rule.delayMs ?? 0
        if (decided) continue
        if (rule.error !== undefined) verdict.error = ec2Error(rule.error, call, rule)
        else if (rule.drop) verdict.drop = rule.drop
      }
      return verdict
    },
  }
}

/** A rule that could never act, or whose words are not known, is a mistake of the test. */
function check(rule: Rule): void {
  if (rule.error === undefined && rule.delayMs === undefined && rule.drop === undefined) throw new Error('a rule needs one of error, delayMs and drop')
  if (rule.error !== undefined && rule.drop !== undefined) throw new Error('a rule has either an error or a drop')
  if (rule.error !== undefined) ec2Error(rule.error, { action: '', type: '', zone: '', market: '', subnet: '' }, rule)
}

function matches({ when = {} }: Rule, call: CallFacts): boolean {
  return (
    (when.action === undefined || when.action === call.action) &&
    (when.type === undefined || when.type === call.type) &&
    (when.zone === undefined || when.zone === call.zone) &&
    (when.market === undefined || when.market === call.market) &&
    (when.count === undefined || call.count >= when.count)
  )
}

/** mulberry32: the same seed gives the same faults. */
function drawFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
