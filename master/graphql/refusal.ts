/** Why a query is not carried out, and what to write instead. */
export class QueryRefused extends Error {
  override readonly name = 'QueryRefused'
}
