import type { Log } from '../../protocol/kit/log.ts'
import type { Db } from '../store/db.ts'
import { ensureReader, NoReader } from './reader.ts'
import type { Graphql, GraphqlAnswer, GraphqlRequest } from './serve.ts'

export type { GraphqlAnswer, GraphqlRequest } from './serve.ts'

/** GraphQL that is opened by the first who asks: its 30 MB are no part of an idle master. */
export interface GraphqlDoor {
  /** Makes the role that reads, so that who starts a master without the right to is told at once. Never throws: all but GraphQL works without. */
  prepare(): Promise<void>
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
    async prepare() {
      try {
        await ensureReader(options.db)
      } catch (error) {
        if (error instanceof NoReader) options.log.warn({}, error.message)
        else options.log.warn({ err: error }, 'GraphQL could not be made ready, the first who asks will try it again')
      }
    },
    answer: async (request) => (await open()).answer(request),
    sdl: async () => (await open()).sdl(),
    async close() {
      const graphql = await opened?.catch(() => null)
      await graphql?.close()
    },
  }
}
