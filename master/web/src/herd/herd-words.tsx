import { Text } from '@mantine/core'
import type { ReactNode } from 'react'
import type { ApiLaunch } from '../../../../protocol/wire/api.ts'
import type { WhyAnswer } from '../api/shapes.ts'
import { formatDuration, formatTime } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'

/** What EC2 does for an experiment, what EC2 refused, and what a person can do; nothing that the summary says already. */
export function HerdWords({ why, summary }: { why: WhyAnswer; summary: string }): ReactNode {
  const note = why.pool?.note ?? ''
  const starting = (why.starting ?? []).filter((each) => each.id === null || !summary.includes(each.id))
  return (
    <>
      {note !== '' && !summary.includes(note) ? <Text size="sm" className="break">{neutralise(note)}</Text> : null}
      {why.pool?.paused ? <Text size="sm" className="break"><b>Pool {neutralise(why.pool.name)} is paused:</b> {neutralise(why.pool.paused)}</Text> : null}
      {starting.map((each) => (
        <Text key={each.id ?? each.launch} size="sm" className="break" data-starting={each.id ?? each.launch}>
          <b>{each.id === null ? 'Asking EC2:' : 'Starting:'}</b> {neutralise([each.id, each.type, each.zone, each.market].filter(Boolean).join(', '))} <span className="quiet numbers">for {formatDuration(each.ageSeconds * 1000)}</span>
        </Text>
      ))}
      {(why.pool?.dry ?? []).map((mark) => (
        <Text key={`${mark.type} ${mark.zone} ${mark.market}`} size="sm" className="break">
          <b>EC2 refused</b> {neutralise(`${mark.type}, ${mark.zone || 'every zone'}, ${mark.market}: ${mark.code}. ${mark.text}`)} <span className="quiet">Tried again at {formatTime(Date.parse(mark.until)).slice(11)}.</span>
        </Text>
      ))}
      {why.cure ? <Text size="sm" className="break"><b>To do:</b> {neutralise(why.cure)}</Text> : null}
      <Asked launches={why.launches ?? []} />
    </>
  )
}

function Asked({ launches }: { launches: readonly ApiLaunch[] }): ReactNode {
  if (launches.length === 0) return null
  return (
    <details data-testid="asked">
      <summary className="quiet asked">What EC2 was asked for it ({launches.length})</summary>
      {launches.map((launch) => (
        <Text key={launch.id} size="sm" className="break">
          <span className="quiet numbers">{formatTime(Date.parse(launch.decidedAt)).slice(5)}</span> {neutralise(`${launch.count} × ${launch.type}, ${launch.zone}, ${launch.market}: ${outcome(launch)}`)}
        </Text>
      ))}
    </details>
  )
}

function outcome(launch: ApiLaunch): string {
  if (launch.state === 'DONE') return launch.instances.join(', ')
  return launch.error === null ? 'EC2 has not answered yet' : `${launch.error.code}. ${launch.error.text}`
}
