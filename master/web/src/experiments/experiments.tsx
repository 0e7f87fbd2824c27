import { Box, Button, Group, Loader, SegmentedControl, Skeleton, Stack, Text, TextInput, Title } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { type ReactNode, useEffect, useState } from 'react'
import { experimentsQuery } from '../api/queries.ts'
import { Empty, Fault } from '../app/faults.tsx'
import { formatCount } from '../words/format.ts'
import { STATE_FILTERS } from '../words/states.ts'
import { ExperimentsTable } from './experiments-table.tsx'
import { matching } from './filter.ts'

const PAGE = 100
const route = getRouteApi('/experiments')

export function Experiments(): ReactNode {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const [name, setName] = useState(search.name ?? '')
  const [settled] = useDebouncedValue(name, 250)
  const [limit, setLimit] = useState(PAGE)
  const states = STATE_FILTERS.find((filter) => filter.value === search.state)?.states ?? []
  const query = useQuery(experimentsQuery({ name: settled.trim(), states, limit }))
  useEffect(() => {
    void navigate({ search: (before) => withName(before, settled.trim()), replace: true })
  }, [settled, navigate])

  const rows = matching(query.data?.experiments ?? [], { name, states })
  const loaded = query.data?.experiments.length ?? 0
  const total = query.data?.pagination?.total ?? loaded
  return (
    <>
      <Group justify="space-between" align="center" gap="md">
        <Title order={1} fz={22}>Experiments</Title>
        <Group gap="sm">
          {query.isPlaceholderData ? <Loader size="xs" aria-label="Loading" /> : null}
          <TextInput
            aria-label="Filter by name or id" placeholder="Filter by name or id" w={240} size="sm" type="search"
            value={name} onChange={(event) => setName(event.currentTarget.value)}
          />
          <SegmentedControl
            size="sm" aria-label="Filter by state" value={search.state ?? 'all'}
            data={[{ value: 'all', label: 'All' }, ...STATE_FILTERS.map(({ value, label }) => ({ value, label }))]}
            onChange={(value) => void navigate({ search: (before) => withState(before, value), replace: true })}
          />
        </Group>
      </Group>
      {query.error ? <Fault title="The experiments could not be fetched" error={query.error} onRetry={() => void query.refetch()} /> : null}
      <Box className="panel">
        {query.isPending ? <Waiting /> : null}
        {query.data && rows.length === 0 ? <NothingHere filtered={name.trim() !== '' || states.length > 0} onClear={() => { setName(''); void navigate({ search: {} }) }} /> : null}
        {rows.length > 0 ? <ExperimentsTable experiments={rows} /> : null}
      </Box>
      {total > loaded ? (
        <Group justify="center" gap="sm">
          <Text size="sm" className="quiet">The newest {formatCount(loaded)} of {formatCount(total)}</Text>
          <Button size="compact-sm" variant="default" onClick={() => setLimit(limit + PAGE)}>Show more</Button>
        </Group>
      ) : null}
    </>
  )
}

function withName(before: { name?: string; state?: string }, name: string): { name?: string; state?: string } {
  return { ...(name === '' ? {} : { name }), ...(before.state === undefined ? {} : { state: before.state }) }
}

function withState(before: { name?: string; state?: string }, state: string): { name?: string; state?: string } {
  return { ...(before.name === undefined ? {} : { name: before.name }), ...(state === 'all' ? {} : { state }) }
}

function Waiting(): ReactNode {
  return <Stack p="md" gap="sm" aria-label="Loading">{[1, 2, 3, 4].map((row) => <Skeleton key={row} h={28} />)}</Stack>
}

function NothingHere({ filtered, onClear }: { filtered: boolean; onClear: () => void }): ReactNode {
  if (!filtered) return <Empty title="No experiment yet" command="drover experiment create experiment.yaml .">Submit one from a directory that holds your training script and its configuration.</Empty>
  return (
    <Empty title="No experiment passes the filter">
      <Button size="compact-sm" variant="default" onClick={onClear}>Clear the filter</Button>
    </Empty>
  )
}
