/** A request as IAM sees it. `context` holds condition keys, names in any case. */
export interface IamRequest {
  readonly action: string
  /** one ARN: a call on several resources is a request for each */
  readonly resource: string
  readonly context?: Readonly<Record<string, string | readonly string[]>>
}

export interface IamStatement {
  readonly Sid?: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Action?: string | readonly string[]
  readonly NotAction?: string | readonly string[]
  readonly Resource?: string | readonly string[]
  readonly NotResource?: string | readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>
}
export interface IamPolicy {
  readonly Statement: readonly IamStatement[]
}

/**
 * IAM's decision over policies of one kind (identity, or session): an explicit Deny wins, else an Allow, else no. With a session policy both
 * have to allow. Source: IAM User Guide, "Policy evaluation logic". Unknown operators throw: a guess would prove nothing.
 */
export function isAllowed(request: IamRequest, identity: readonly IamPolicy[], session: readonly IamPolicy[] | null = null): boolean {
  const decisions = [identity, ...(session === null ? [] : [session])].map((policies) => decide(request, policies.flatMap((policy) => policy.Statement)))
  return decisions.every((decision) => decision === 'Allow')
}

function decide(request: IamRequest, statements: readonly IamStatement[]): 'Allow' | 'Deny' | null {
  const that = statements.filter((statement) => applies(request, statement))
  if (that.some((statement) => statement.Effect === 'Deny')) return 'Deny'
  return that.length > 0 ? 'Allow' : null
}

function applies(request: IamRequest, statement: IamStatement): boolean {
  return matchesSide(statement.Action, statement.NotAction, (pattern) => like(request.action.toLowerCase(), pattern.toLowerCase()))
    && matchesSide(statement.Resource, statement.NotResource, (pattern) => like(request.resource, filled(pattern, request)))
    && Object.entries(statement.Condition ?? {}).every(([operator, keys]) => Object.entries(keys).every(([key, wanted]) => holds(operator, valuesOf(request, key), many(wanted).map((one) => filled(one, request)))))
}

function matchesSide(yes: string | readonly string[] | undefined, no: string | readonly string[] | undefined, match: (pattern: string) => boolean): boolean {
  if (yes !== undefined) return many(yes).some(match)
  if (no !== undefined) return !many(no).some(match)
  return false
}

function holds(operator: string, given: readonly string[] | null, wanted: readonly string[]): boolean {
  const set = /^(ForAllValues|ForAnyValue):(.+)$/.exec(operator)
  const name = set?.[2] ?? operator
  const optional = name.endsWith('IfExists')
  const compare = comparison(optional ? name.slice(0, -'IfExists'.length) : name)
  if (name === 'Null') return wanted.some((one) => (one === 'true') === (given === null))
  if (given === null) return optional || set?.[1] === 'ForAllValues' || compare.negative
  if (set?.[1] === 'ForAllValues') return given.every((value) => compare.one(value, wanted))
  if (set?.[1] === 'ForAnyValue' || !compare.negative) return given.some((value) => compare.one(value, wanted))
  return given.every((value) => compare.one(value, wanted))
}

function comparison(name: string): { negative: boolean; one: (value: string, wanted: readonly string[]) => boolean } {
  const any = (test: (value: string, pattern: string) => boolean) => ({ negative: false, one: (value: string, wanted: readonly string[]) => wanted.some((pattern) => test(value, pattern)) })
  const none = (test: (value: string, pattern: string) => boolean) => ({ negative: true, one: (value: string, wanted: readonly string[]) => !wanted.some((pattern) => test(value, pattern)) })
  if (name === 'StringEquals') return any((value, pattern) => value === pattern)
  if (name === 'StringNotEquals') return none((value, pattern) => value === pattern)
  if (name === 'StringLike' || name === 'ArnLike' || name === 'ArnEquals') return any(like)
  if (name === 'StringNotLike' || name === 'ArnNotLike') return none(like)
  if (name === 'Bool' || name === 'Null') return any((value, pattern) => value.toLowerCase() === pattern.toLowerCase())
  throw new Error(`condition operator ${name} is not known to this evaluator: add it from the IAM user guide`)
}

function valuesOf({ context = {} }: IamRequest, key: string): readonly string[] | null {
  const found = Object.entries(context).find(([name]) => name.toLowerCase() === key.toLowerCase())
  return found === undefined ? null : many(found[1])
}

/** Policy variables, `${aws:userid}`. One that is not given matches nothing. */
function filled(pattern: string, request: IamRequest): string {
  return pattern.replace(/\$\{([^}]+)\}/g, (_, key: string) => (valuesOf(request, key) ?? ['\u0000'])[0] ?? '\u0000')
}

/** `*` any run, `?` one character; the rest literal. */
function like(value: string, pattern: string): boolean {
  const source = pattern.replace(/[\\^$.|+()[\]{}]/g, String.raw`\$&`).replaceAll('*', '[^]*').replaceAll('?', '[^]')
  return new RegExp(`^${source}$`).test(value)
}

function many(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value
}
