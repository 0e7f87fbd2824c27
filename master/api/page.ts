import Type from 'typebox'
import type { ApiPagination } from '../../protocol/wire/api.ts'

/** Determined's words for paging: limit 0 or absent = 100, -1 = everything, -2 = only the pagination. */
export const PageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: -2, maximum: 2_147_483_647 })),
  offset: Type.Optional(Type.Integer({ minimum: -2_147_483_647, maximum: 2_147_483_647 })),
  orderBy: Type.Optional(Type.Union([Type.Literal('ORDER_BY_UNSPECIFIED'), Type.Literal('ORDER_BY_ASC'), Type.Literal('ORDER_BY_DESC')])),
}
export const Id = Type.Integer({ minimum: 1, maximum: 2_147_483_647 })
export const Cursor = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
export const IdParams = Type.Object({ id: Id })

const LIMIT_DEFAULT = 100
/** `-1` asks for everything; nothing is ever answered without a bound. */
const LIMIT_MAX = 20_000

export interface Page {
  limit: number
  offset: number
}

export function pageOf(query: { limit?: number; offset?: number }): Page {
  const asked = query.limit ?? 0
  const limit = asked === 0 ? LIMIT_DEFAULT : asked === -1 ? LIMIT_MAX : asked === -2 ? 0 : Math.min(asked, LIMIT_MAX)
  return { limit, offset: Math.max(0, query.offset ?? 0) }
}

export function paginationOf(page: Page, count: number, total: number): ApiPagination {
  const startIndex = Math.min(page.offset, total)
  return { offset: page.offset, limit: page.limit, startIndex, endIndex: Math.min(startIndex + count, total), total }
}
