import { Box } from '@mantine/core'
import { GraphiQL } from 'graphiql'
import 'graphiql/graphiql.css'
import type { ReactNode } from 'react'
import { send } from './send.ts'

const FIRST = `# Asks over experiments, trials, attempts, metrics, checkpoints, agents, instances, events and dollars.
# Lists want a page, such as first: 10. The book at the left says what there is.
{
  experiments(first: 10, orderBy: ID_DESC) {
    totalCount
    nodes { id name state metric cost { total useful idle lost } }
  }
}
`

/** GraphiQL over the master's own session; a chunk of its own, loaded by who opens it. */
export function GraphqlPage(): ReactNode {
  return <Box h="calc(100vh - 100px)" className="panel" style={{ overflow: 'hidden' }}><GraphiQL fetcher={send} defaultQuery={FIRST} shouldPersistHeaders={false} /></Box>
}
