/** One query by the session's cookie. What the master says of a fault is shown where the answer would be. */
export async function send(parameters: { query: string; operationName?: string | null; variables?: unknown }): Promise<Record<string, unknown>> {
  const response = await fetch('/graphql', { method: 'POST', credentials: 'same-origin', headers: { 'content-type': 'application/json', 'x-drover': '1' }, body: JSON.stringify(parameters) })
  const body: unknown = await response.json()
  if (typeof body !== 'object' || body === null) throw new Error(`the master answered ${response.status} and no JSON`)
  if (!response.ok && 'message' in body && typeof body.message === 'string') return { errors: [{ message: body.message }] }
  return body as Record<string, unknown>
}
