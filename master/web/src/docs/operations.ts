import type { OpenApi } from '../api/shapes.ts'

export interface Operation {
  method: string
  path: string
  parameters: { name: string; in: string; required: boolean; schema: string }[]
  /** JSON Schema of what is sent; null = nothing */
  body: string | null
}

/** In order of path, reading before writing. */
export function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths)
    .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]): Operation => ({
      method, path,
      parameters: (operation.parameters ?? []).map((one) => ({ name: one.name, in: one.in, required: one.required === true, schema: shortSchema(one.schema) })),
      body: bodyOf(operation.requestBody),
    })))
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : Number(b.method === 'get') - Number(a.method === 'get')))
}

function bodyOf(body: OpenApi['paths'][string][string]['requestBody']): string | null {
  const [content] = Object.values(body?.content ?? {})
  return content?.schema === undefined ? null : JSON.stringify(content.schema, null, 1)
}

/** `integer, 1 to 2147483647`; what is more is shown as it is. */
function shortSchema(schema: unknown): string {
  if (typeof schema !== 'object' || schema === null) return 'anything'
  const { type, minimum, maximum, maxLength } = schema as Record<string, unknown>
  if (typeof type !== 'string') return JSON.stringify(schema)
  const range = minimum === undefined && maximum === undefined ? '' : `, ${String(minimum ?? '')} to ${String(maximum ?? '')}`
  return `${type}${range}${maxLength === undefined ? '' : `, at most ${String(maxLength)} characters`}`
}
