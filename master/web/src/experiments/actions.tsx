import { Button, Group, Modal, Text } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { requestJson } from '../api/http.ts'
import { Fault } from '../app/faults.tsx'
import { neutralise } from '../words/neutralise.ts'
import { actionsOf, type ExperimentAction } from '../words/states.ts'

const LABELS: Readonly<Record<ExperimentAction, string>> = { pause: 'Pause', activate: 'Activate', cancel: 'Cancel', kill: 'Kill' }
const HINTS: Readonly<Record<ExperimentAction, string>> = {
  pause: 'Saves a checkpoint where the script can, stops, and frees its slots. Activate goes on from there.',
  activate: 'Goes on from the newest committed checkpoint as soon as slots are free.',
  cancel: 'Lets the script save a checkpoint, then ends the experiment.',
  kill: 'Ends the experiment at once, without a last checkpoint.',
}

function useExperimentAction(id: number) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: (action: ExperimentAction) => requestJson('POST', `/api/v1/experiments/${id}/${action}`),
    onSettled: () => Promise.all([queryClient.invalidateQueries({ queryKey: ['experiments'] }), queryClient.invalidateQueries({ queryKey: ['experiment', id] })]),
  })
}

/** Buttons for what may be done with an experiment now; kill asks first. A refusal is shown in a dialog with its reason. */
export function ExperimentActions({ id, name, state, compact = false }: { id: number; name: string; state: string; compact?: boolean }): ReactNode {
  const [confirming, setConfirming] = useState(false)
  const action = useExperimentAction(id)
  const run = (which: ExperimentAction): void => {
    if (which === 'kill') setConfirming(true)
    else action.mutate(which)
  }
  const kill = (): void => {
    setConfirming(false)
    action.mutate('kill')
  }
  return (
    <>
      <Group gap={compact ? 4 : 'xs'} wrap="nowrap">
        {actionsOf(state).map((which) => (
          <Button
            key={which} size={compact ? 'compact-xs' : 'xs'} variant={compact ? 'subtle' : 'default'} color={which === 'kill' ? 'red' : 'gray'}
            {...(which === 'kill' && !compact ? { c: 'red' } : {})}
            title={HINTS[which]} loading={action.isPending && action.variables === which} disabled={action.isPending} onClick={() => run(which)}
          >
            {LABELS[which]}
          </Button>
        ))}
      </Group>
      <Modal opened={confirming} onClose={() => setConfirming(false)} title={`Kill experiment ${id}?`} centered>
        <Text size="sm" className="break">
          <b>{neutralise(name)}</b> ends at once, without a last checkpoint. What its newest committed checkpoint does not hold is lost. To save first, use Cancel.
        </Text>
        <Group justify="flex-end" mt="lg">
          <Button variant="default" data-autofocus onClick={() => setConfirming(false)}>Keep it running</Button>
          <Button color="red" onClick={kill}>Kill</Button>
        </Group>
      </Modal>
      <Modal opened={action.isError} onClose={action.reset} title={`Experiment ${id}`} centered>
        <Fault title={`The master did not ${action.variables ?? 'do it'}`} error={action.error} />
      </Modal>
    </>
  )
}
