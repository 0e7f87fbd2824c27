/** The answer of `why`, one fact a line. Shape free: what is a list goes line by line, what is a map by its keys. */
export function whyLines(answer: unknown): string[] {
  if (Array.isArray(answer)) return answer.flatMap(whyLines)
  if (typeof answer === 'string') return answer === '' ? [] : [answer]
  if (typeof answer !== 'object' || answer === null) return answer === null || answer === undefined ? [] : [String(answer)]
  const { text, reason, time, at } = answer as Record<string, unknown>
  const words = typeof text === 'string' ? text : reason
  if (typeof words === 'string') return [`${typeof time === 'string' ? `${time}  ` : typeof at === 'string' ? `${at}  ` : ''}${words}`]
  return Object.entries(answer).flatMap(([key, value]) => {
    const lines = whyLines(value)
    return lines.length <= 1 && typeof value !== 'object' ? lines.map((line) => `${key}: ${line}`) : lines.length === 0 ? [] : [`${key}:`, ...lines.map((line) => `  ${line}`)]
  })
}
