/** Fit for the wire and for Postgres: no NUL, whole characters, at most `max` of them. */
export function plainText(text: string, max: number): string {
  return text.replaceAll('\u0000', '\uFFFD').slice(0, max).toWellFormed()
}
