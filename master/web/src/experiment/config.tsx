import { Box, Group, SegmentedControl, Text } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import type { ExperimentAnswer } from '../api/shapes.ts'
import { CopyText } from '../app/faults.tsx'

/** The configuration as it was submitted, and as it is in force with all defaults. */
export function Config({ answer }: { answer: ExperimentAnswer }): ReactNode {
  const original = answer.experiment.originalConfig
  const [which, setWhich] = useState(original === '' ? 'complete' : 'submitted')
  const text = which === 'submitted' ? original : JSON.stringify(answer.config ?? answer.experiment.config, null, 2)
  return (
    <Box className="panel">
      <Group justify="space-between" px="md" py="sm">
        <SegmentedControl
          size="xs" aria-label="Form of the configuration" value={which} onChange={setWhich}
          data={[{ value: 'submitted', label: 'As submitted', disabled: original === '' }, { value: 'complete', label: 'With defaults, JSON' }]}
        />
        <Group gap="sm">
          <Text size="xs" className="quiet">{which === 'submitted' ? 'The file as it was sent' : 'What is in force'}</Text>
          <CopyText text={text} label="Copy" />
        </Group>
      </Group>
      <pre className="config" tabIndex={0}>{text}</pre>
    </Box>
  )
}
