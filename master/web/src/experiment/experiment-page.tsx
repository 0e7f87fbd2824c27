import { Group, Loader, Select, Tabs } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { experimentQuery, trialsQuery } from '../api/queries.ts'
import type { Trial } from '../api/shapes.ts'
import { Empty, Fault } from '../app/faults.tsx'
import { Checkpoints } from '../checkpoints/checkpoints.tsx'
import { LogPanel } from '../log/log-panel.tsx'
import { Search } from '../search/search.tsx'
import { lookOf } from '../words/states.ts'
import { Config } from './config.tsx'
import { ExperimentHead } from './experiment-head.tsx'
import { Overview } from './overview.tsx'
import { EXPERIMENT_TABS, type ExperimentTab } from './tabs.ts'

const route = getRouteApi('/experiments/$experimentId')
const TAB_LABELS: Readonly<Record<ExperimentTab, string>> = { overview: 'Overview', search: 'Search', log: 'Log', checkpoints: 'Checkpoints', config: 'Configuration' }

export function ExperimentPage(): ReactNode {
  const { experimentId } = route.useParams()
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const query = useQuery(experimentQuery(experimentId))
  const trials = useQuery(trialsQuery(experimentId))
  if (!query.data) {
    if (query.error) return <Fault title={`Experiment ${experimentId} could not be fetched`} error={query.error} onRetry={() => void query.refetch()} />
    return <Loader size="sm" aria-label="Loading" />
  }
  const { experiment } = query.data
  const all = trials.data?.trials ?? []
  const trial = all.find((each) => each.id === search.trial) ?? all[0] ?? null
  const isSearch = all.length > 1 || (experiment.searcherType ?? 'single') !== 'single'
  const tabs = EXPERIMENT_TABS.filter((each) => each !== 'search' || isSearch)
  const tab = search.tab ?? (isSearch && search.trial === undefined ? 'search' : 'overview')
  return (
    <>
      <ExperimentHead answer={query.data} trial={trial} />
      {query.error ? <Fault title="What you see may be old" error={query.error} /> : null}
      <Tabs value={tab} keepMounted={false} onChange={(next) => void navigate({ search: (before) => ({ ...before, tab: (next ?? 'overview') as ExperimentTab }), replace: true })}>
        <Group justify="space-between" align="flex-end" wrap="nowrap" mb="md">
          <Tabs.List style={{ flex: 1 }}>{tabs.map((each) => <Tabs.Tab key={each} value={each}>{TAB_LABELS[each]}</Tabs.Tab>)}</Tabs.List>
          {all.length > 1 ? <TrialSelect trials={all} trial={trial} onChange={(id) => void navigate({ search: (before) => ({ ...before, trial: id }), replace: true })} /> : null}
        </Group>
        <Tabs.Panel value="overview"><Overview experiment={experiment} trial={trial} /></Tabs.Panel>
        <Tabs.Panel value="search"><Search experiment={experiment} trials={all} /></Tabs.Panel>
        <Tabs.Panel value="log">{trial ? <LogPanel key={trial.id} trial={trial} tall /> : <NoTrial />}</Tabs.Panel>
        <Tabs.Panel value="checkpoints"><Checkpoints experiment={experiment} /></Tabs.Panel>
        <Tabs.Panel value="config"><Config answer={query.data} /></Tabs.Panel>
      </Tabs>
    </>
  )
}

function NoTrial(): ReactNode {
  return <div className="panel"><Empty title="No trial yet">The searcher makes the first trial as the experiment is created; its log appears here.</Empty></div>
}

function TrialSelect({ trials, trial, onChange }: { trials: readonly Trial[]; trial: Trial | null; onChange: (id: number) => void }): ReactNode {
  return (
    <Select
      aria-label="Trial" size="xs" w={220} allowDeselect={false} value={trial === null ? null : String(trial.id)}
      data={trials.map((each) => ({ value: String(each.id), label: `Trial ${each.id}, ${lookOf(each.state).label.toLowerCase()}` }))}
      onChange={(value) => value !== null && onChange(Number(value))}
    />
  )
}
