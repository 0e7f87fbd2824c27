import { Stack } from '@mantine/core'
import { type ReactNode, useMemo, useState } from 'react'
import type { Experiment, Trial } from '../api/shapes.ts'
import { useNow } from '../app/use-now.ts'
import { Parallel } from './parallel.tsx'
import { bestFirst, rankOf } from './rank.ts'
import { SearchCurves } from './search-curves.tsx'
import { TrialsTable } from './trials-table.tsx'

/** A search as a whole: what each trial was given, how it learned, what it reached. Pointing at a trial shows it in all three. */
export function Search({ experiment, trials }: { experiment: Experiment; trials: readonly Trial[] }): ReactNode {
  const [chosen, setChosen] = useState<number | null>(null)
  const now = useNow(5_000)
  const metric = experiment.searcherMetric ?? 'metric'
  const smallerIsBetter = smallerOf(experiment.config)
  const ranks = useMemo(() => rankOf(trials, smallerIsBetter), [trials, smallerIsBetter])
  const sorted = useMemo(() => bestFirst(trials, smallerIsBetter), [trials, smallerIsBetter])
  return (
    <Stack gap="md">
      <SearchCurves experimentId={experiment.id} ranks={ranks} chosen={chosen} onChoose={setChosen} />
      <Parallel trials={trials} metric={metric} ranks={ranks} chosen={chosen} onChoose={setChosen} />
      <TrialsTable trials={sorted} metric={metric} ranks={ranks} chosen={chosen} onChoose={setChosen} now={now} />
    </Stack>
  )
}

function smallerOf(config: Readonly<Record<string, unknown>>): boolean {
  const searcher = config['searcher']
  return !(typeof searcher === 'object' && searcher !== null && 'smaller_is_better' in searcher && searcher.smaller_is_better === false)
}
