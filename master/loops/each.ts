/** Carries out each item; one that fails does not keep the others from their turn. Throws at the end if any failed. */
export async function eachOrThrowAfter<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const errors: unknown[] = []
  for (const item of items) {
    try {
      await work(item)
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} of ${items.length} failed, the first: ${String(errors[0])}`)
}
