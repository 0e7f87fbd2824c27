import type { ApiAlarms } from '../../../protocol/wire/api.ts'
import { whenText } from '../format.ts'
import type { Invocation } from '../invocation.ts'

export async function listAlarms(invocation: Invocation): Promise<void> {
  const client = await invocation.client()
  const { alarms } = await client.get<ApiAlarms>('/api/v1/drover/alarms')
  if (invocation.terminal.json) return invocation.terminal.data(alarms)
  if (alarms.length === 0) return invocation.terminal.note('no alarm stands')
  await invocation.terminal.table(['ALARM', 'SINCE', 'WHAT', 'TO DO'], alarms.map((one) => [one.key, whenText(one.since), one.text, one.cure]))
}

export async function releaseBrake(invocation: Invocation): Promise<void> {
  const client = await invocation.client()
  const answer = await client.post<unknown>('/api/v1/drover/alarms/brake/release', {})
  if (invocation.terminal.json) return invocation.terminal.data(answer)
  invocation.terminal.line('the brake is released: silent agents may be given up again')
}
