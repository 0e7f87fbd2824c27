import { Box, Code, Group, Loader, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useMemo, useState } from 'react'
import { openApiQuery } from '../api/queries.ts'
import { Fault } from '../app/faults.tsx'
import { type Operation, operationsOf } from './operations.ts'

const COLOURS: Readonly<Record<string, string>> = { get: 'blue', post: 'teal', put: 'orange', patch: 'orange', delete: 'red' }

/** Every route of the REST API, from the description that the master makes of its own checks. */
export function ApiPage(): ReactNode {
  const query = useQuery(openApiQuery())
  const [wanted, setWanted] = useState('')
  const all = useMemo(() => (query.data ? operationsOf(query.data) : []), [query.data])
  const shown = all.filter((one) => `${one.method} ${one.path}`.toLowerCase().includes(wanted.toLowerCase()))
  if (query.error) return <Fault title="The description could not be fetched" error={query.error} onRetry={() => void query.refetch()} />
  if (!query.data) return <Loader size="sm" aria-label="Loading" />
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Text fw={700}>REST API: {all.length} routes</Text>
        <Group gap="sm">
          <TextInput size="xs" w={260} aria-label="Route" placeholder="experiments, POST ..." value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} />
          <a className="link" href="/docs/api/openapi.json">openapi.json</a>
        </Group>
      </Group>
      <Text size="sm" className="quiet">Send the token of POST /api/v1/auth/login as {'"'}authorization: Bearer ...{'"'}. Names are taken in camelCase and in snake_case.</Text>
      {shown.map((one) => <Route key={`${one.method} ${one.path}`} operation={one} />)}
    </Stack>
  )
}

function Route({ operation }: { operation: Operation }): ReactNode {
  const { method, path, parameters, body } = operation
  return (
    <Box component="details" className="panel" px="md" py={6}>
      <Box component="summary" style={{ cursor: 'pointer' }}>
        <Text span size="sm" fw={700} c={COLOURS[method] ?? 'gray'} className="mono">{method.toUpperCase()}</Text> <Text span className="mono">{path}</Text>
      </Box>
      {parameters.length === 0 ? null : (
        <Box component="ul" my={6}>
          {parameters.map((one) => <li key={`${one.in} ${one.name}`}><Text size="sm"><span className="mono">{one.name}</span> <span className="quiet">{one.in}{one.required ? ', required' : ''}: {one.schema}</span></Text></li>)}
        </Box>
      )}
      {body === null ? null : <Code block mt={6}>{body}</Code>}
    </Box>
  )
}
