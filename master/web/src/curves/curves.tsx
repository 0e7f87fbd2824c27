import { Alert, Box, Button, Group, Slider, Switch, Text } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import type { Trial } from '../api/shapes.ts'
import { Empty } from '../app/faults.tsx'
import { isTerminalState } from '../words/states.ts'
import { CurveChart } from './curve-chart.tsx'
import type { Range } from './plot-data.ts'
import { useMetrics } from './use-metrics.ts'

/** One chart for each measure of the trial. */
export function Curves({ trial }: { trial: Trial }): ReactNode {
  const { charts, version, error } = useMetrics(trial.id)
  const [logScale, setLogScale] = useState(false)
  const [weight, setWeight] = useState(0)
  // One range for all charts: what happened at a step is looked for in each of them.
  const [range, setRange] = useState<Range | null>(null)
  return (
    <Box data-testid="curves">
      {error ? <Alert color="red" variant="light" mb="sm">{error}</Alert> : null}
      {charts.length === 0 ? (
        <div className="panel">
          <Empty title={isTerminalState(trial.state) ? 'This trial reported no metric' : 'No metric yet'}>
            A training script reports by appending a JSON line to the file that DROVER_METRICS_FILE names: {'{"steps": 100, "group": "training", "values": {"loss": 0.5}}'}
          </Empty>
        </div>
      ) : (
        <>
          <Group justify="flex-end" gap="lg" mb="xs">
            {range === null
              ? <Text size="xs" className="quiet" mr="auto">Drag across a chart to zoom.</Text>
              : <Button size="compact-xs" variant="default" mr="auto" onClick={() => setRange(null)}>Show all steps</Button>}
            <Group gap="xs">
              <Text size="xs" className="quiet">Smoothing</Text>
              <Slider w={120} size="sm" min={0} max={0.98} step={0.02} value={weight} onChange={setWeight} label={(value) => value.toFixed(2)} thumbLabel="Smoothing" />
            </Group>
            <Switch size="sm" label="Logarithmic" checked={logScale} onChange={(event) => setLogScale(event.currentTarget.checked)} />
          </Group>
          <div className="charts">{charts.map((chart) => <CurveChart key={chart.key} chart={chart} version={version} logScale={logScale} weight={weight} range={range} onZoom={setRange} />)}</div>
        </>
      )}
    </Box>
  )
}
