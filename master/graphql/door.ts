import type { Log } from '../../protocol/kit/log.ts'
import type { Db } from '../store/db.ts'
import type { Graphql, GraphqlAnswer, GraphqlRequest } from './serve.ts'

export type { GraphqlAnswer, GraphqlRequest } from './serve.ts'

/** GraphQL that is opened by the first who asks: its 30 MB are no part of an idle master. */
export interface GraphqlDoor {
  /** Throws NoReader where the database's user may not make the reading role. */
  answer(request: GraphqlRequest): Promise<GraphqlAnswer>
  sdl(): Promise<string>
  close(): Promise<void>
}

export function createGraphqlDoor(options: { db: Db; databaseUrl: string; log: Log }): GraphqlDoor {
  let opened: Promise<Graphql> | null = null

  function open(): Promise<Graphql> {
    if (opened !== null) return opened
    const opening = import('./serve.ts').then((module) => module.openGraphql(options))
    opened = opening
    // one that could not be opened is opened anew by the next who asks
    opening.catch(() => { opened = null })
    return opening
  }

  return {
    answer: async (request) => (await open()).answer(request),
    sdl: async () => (await open()).sdl(),
    async close() {
      const graphql = await opened?.catch(() => null)
      await graphql?.close()
    },
  }
}
