/** Errors of Postgres and its driver, named once. Transient: the same statement may succeed later, nothing was committed. */
const TRANSIENT_CODES = new Set([
  '40001', // serialization failure
  '40P01', // deadlock
  '55P03', // lock not available
  '57014', // statement timeout
  '57P01', '57P02', '57P03', // shutdown, crash, cannot connect now
  '53300', '53200', '53100', '53000', // too many connections, out of memory, disk full
  '25P03', '25006', // idle in transaction timeout, read only
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN',
])

export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (TRANSIENT_CODES.has(code) || code.startsWith('08') || isStalePlan(error)) return true
  if (error instanceof AggregateError) return error.errors.some(isTransient)
  // the driver's own words for a connection that ended, which carry no code
  return code === '' && /connection terminated|timeout exceeded when trying to connect|client has encountered a connection error|not queryable|connection ended/i.test(error.message)
}

/** A table was changed after the statement was prepared. */
export function isStalePlan(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '0A000' && /cached plan/.test(error.message)
}

export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505'
}
