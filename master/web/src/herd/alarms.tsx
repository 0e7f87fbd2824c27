import { Alert, Button, Group, Stack, Text } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { ApiAlarm } from '../../../../protocol/wire/api.ts'
import { requestJson } from '../api/http.ts'
import { alarmsQuery, meQuery } from '../api/queries.ts'
import { messageOfError } from '../app/faults.tsx'
import { Ago } from '../app/state-badge.tsx'
import { useNow } from '../app/use-now.ts'
import { neutralise } from '../words/neutralise.ts'

/** What a person must know, above all else; nothing is drawn while nothing is wrong. */
export function Alarms(): ReactNode {
  const query = useQuery(alarmsQuery())
  const alarms = query.data?.alarms ?? []
  if (alarms.length === 0) return null
  return <Stack gap="xs">{alarms.map((alarm) => <AlarmBanner key={alarm.key} alarm={alarm} />)}</Stack>
}

function AlarmBanner({ alarm }: { alarm: ApiAlarm }): ReactNode {
  const now = useNow(1000)
  return (
    <Alert color="red" variant="light" role="alert" data-alarm={alarm.key} title={<>Alarm: {neutralise(alarm.key)}, since <Ago time={alarm.since} now={now} /></>}>
      <Group justify="space-between" align="flex-end" gap="md">
        <div style={{ minWidth: 0, flex: '1 1 360px' }}>
          <Text size="sm" className="break">{neutralise(alarm.text)}</Text>
          {alarm.cure ? <Text size="sm" mt={4} className="break"><b>To do:</b> {neutralise(alarm.cure)}</Text> : null}
        </div>
        {alarm.key === 'brake' ? <AdminButton path="/api/v1/drover/alarms/brake/release" label="Release the brake" hint="Silent agents may be given up again, and their instances ended." /> : null}
      </Group>
    </Alert>
  )
}

/** A wish that only an administrator may have; the others see that they must ask one. */
export function AdminButton({ path, label, hint }: { path: string; label: string; hint: string }): ReactNode {
  const me = useQuery(meQuery())
  const queryClient = useQueryClient()
  const wish = useMutation({ mutationFn: () => requestJson('POST', path), onSettled: () => queryClient.invalidateQueries({ queryKey: ['herd'] }) })
  if (me.data && !me.data.user.admin) return <Text size="xs" className="quiet">An administrator can do this: {label.toLowerCase()}.</Text>
  return (
    <Stack gap={4} align="flex-end">
      <Button size="xs" variant="default" title={hint} loading={wish.isPending} onClick={() => wish.mutate()}>{label}</Button>
      {wish.error ? <Text size="xs" c="red" className="break">{messageOfError(wish.error)}</Text> : null}
    </Stack>
  )
}
