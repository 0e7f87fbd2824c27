import { Alert, Box, Button, Group, Select, Switch, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { type ReactNode, useEffect, useState } from 'react'
import type { Trial } from '../api/shapes.ts'
import { trialTaskId } from '../../../../protocol/words/ids.ts'
import { formatCount } from '../words/format.ts'
import { LOG_LEVELS, type LogFilter, type LogLevel, type LogStore } from './log-store.ts'
import { LogView } from './log-view.tsx'
import { saveLog } from './save-log.ts'
import { useLog } from './use-log.ts'

/** The log of a trial with its filters. Opened for another trial by a new key. */
export function LogPanel({ trial, tall = false }: { trial: Trial; tall?: boolean }): ReactNode {
  const feed = useLog(trial.id, trial.taskId ?? trialTaskId(trial.id))
  const [follow, setFollow] = useState(true)
  const [minLevel, setMinLevel] = useState<LogLevel>('TRACE')
  const [rank, setRank] = useState<number | null>(null)
  const [typed, setTyped] = useState('')
  const [search] = useDebouncedValue(typed, 150)
  const [, redraw] = useState(0)
  const { store } = feed
  useEffect(() => {
    store.setFilter({ minLevel, search, rank })
    redraw((before) => before + 1)
  }, [store, minLevel, search, rank])
  const filter: LogFilter = { minLevel, search, rank }
  return (
    <Box className="panel" data-testid="log">
      <Group px="md" py={8} gap="sm" justify="space-between">
        <Group gap="sm"><Text fw={600} size="sm">Log</Text><Counts store={store} filter={filter} ended={feed.ended} /></Group>
        <Group gap="xs">
          <TextInput size="xs" type="search" w={190} placeholder="Search" aria-label="Search the log" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
          <LevelSelect value={minLevel} onChange={setMinLevel} />
          {store.ranks.length > 1 ? <RankSelect ranks={store.ranks} value={rank} onChange={setRank} /> : null}
          <Button size="xs" variant="default" disabled={store.shown.length === 0} onClick={() => saveLog(store.shown, `trial-${trial.id}.log`)}>Save</Button>
          <Switch size="sm" label="Follow" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} />
        </Group>
      </Group>
      {feed.error ? <Alert color="red" variant="light" radius={0} py="xs">{feed.error}</Alert> : null}
      <LogView store={store} version={feed.version} search={search.toLowerCase()} follow={follow} onFollow={setFollow} tall={tall} empty={emptyText(store, feed.ended)} />
    </Box>
  )
}

function emptyText(store: LogStore, ended: boolean): string {
  if (store.total > 0) return 'No line passes the filter.'
  return ended ? 'This trial has written nothing.' : 'No line yet. Lines appear here as soon as the container writes them.'
}

function Counts({ store, filter, ended }: { store: LogStore; filter: LogFilter; ended: boolean }): ReactNode {
  const filtered = filter.search !== '' || filter.minLevel !== 'TRACE' || filter.rank !== null
  const parts = [filtered ? `${formatCount(store.shown.length)} of ${formatCount(store.total)} lines` : `${formatCount(store.total)} lines`]
  if (store.firstId > 1) parts.push(`from line ${formatCount(store.firstId)}`)
  if (ended) parts.push('complete')
  return <Text size="xs" className="quiet numbers" data-testid="log-counts">{parts.join(', ')}</Text>
}

const LEVEL_LABELS: Readonly<Record<LogLevel, string>> = {
  TRACE: 'All levels', DEBUG: 'Debug and above', INFO: 'Info and above', WARNING: 'Warnings and above', ERROR: 'Errors and above', CRITICAL: 'Critical only',
}

function LevelSelect({ value, onChange }: { value: LogLevel; onChange: (level: LogLevel) => void }): ReactNode {
  return (
    <Select
      size="xs" w={160} aria-label="Level" allowDeselect={false} value={value}
      data={LOG_LEVELS.map((level) => ({ value: level, label: LEVEL_LABELS[level] }))}
      onChange={(level) => level !== null && onChange(level as LogLevel)}
    />
  )
}

function RankSelect({ ranks, value, onChange }: { ranks: readonly number[]; value: number | null; onChange: (rank: number | null) => void }): ReactNode {
  return (
    <Select
      size="xs" w={110} aria-label="Rank" allowDeselect={false} value={value === null ? 'all' : String(value)}
      data={[{ value: 'all', label: 'All ranks' }, ...ranks.map((rank) => ({ value: String(rank), label: `Rank ${rank}` }))]}
      onChange={(rank) => onChange(rank === null || rank === 'all' ? null : Number(rank))}
    />
  )
}
