import { Box, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Experiment, Trial } from '../api/shapes.ts'
import { Empty } from '../app/faults.tsx'
import { Curves } from '../curves/curves.tsx'
import { LogPanel } from '../log/log-panel.tsx'
import { Timeline } from './timeline.tsx'

/** Curves and the log beside what happened. */
export function Overview({ experiment, trial }: { experiment: Experiment; trial: Trial | null }): ReactNode {
  return (
    <Box className="overview">
      <Stack gap="md" style={{ minWidth: 0 }}>
        {trial ? <Curves key={trial.id} trial={trial} /> : <div className="panel"><Empty title="No trial yet">Curves appear with the first metric report of the first trial.</Empty></div>}
        {trial ? <LogPanel key={trial.id} trial={trial} /> : null}
      </Stack>
      <Box className="panel timeline-panel">
        <Text fw={600} size="sm" px="md" pt="sm" pb={6}>Timeline</Text>
        <Timeline experimentId={experiment.id} />
      </Box>
    </Box>
  )
}
