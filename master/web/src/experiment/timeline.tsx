import { Alert, Text, Tooltip } from '@mantine/core'
import { Fragment, type ReactNode } from 'react'
import type { LiveEvent } from '../../../../protocol/wire/live.ts'
import { useExperimentEvents } from '../live/use-events.ts'
import { formatTime } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'

/** What happened to the experiment and why, newest first. */
export function Timeline({ experimentId }: { experimentId: number }): ReactNode {
  const { events, error } = useExperimentEvents(experimentId)
  return (
    <>
      {error ? <Alert color="red" variant="light" mx="md" mb="sm">{error}</Alert> : null}
      <EventList events={events} empty="Nothing has happened yet." />
    </>
  )
}

export function EventList({ events, empty, link }: { events: readonly LiveEvent[]; empty: string; link?: (event: LiveEvent) => ReactNode }): ReactNode {
  if (events.length === 0) return <Text size="sm" className="quiet" px="md" pb="md">{empty}</Text>
  return (
    <ol className="events" aria-label="Events, newest first" tabIndex={0}>
      {events.toReversed().map((event, index, all) => (
        <Fragment key={event.id}>
          {dayOf(event) === dayOf(all[index - 1]) ? null : <li className="event-day">{dayOf(event)}</li>}
          <EventItem event={event} link={link?.(event)} />
        </Fragment>
      ))}
    </ol>
  )
}

function EventItem({ event, link }: { event: LiveEvent; link: ReactNode }): ReactNode {
  const at = Date.parse(event.time)
  return (
    <li className="event" data-event={event.id}>
      <Tooltip label={formatTime(at, true)}><time dateTime={event.time} className="numbers quiet">{formatTime(at).slice(11)}</time></Tooltip>
      <div style={{ minWidth: 0 }}>
        <Text size="sm" className="break" lh={1.4}>{neutralise(event.text) || neutralise(event.kind)}</Text>
        <Text size="xs" className="quiet break">
          {link}{link ? ' · ' : ''}{neutralise([event.kind, event.pool ? `pool ${event.pool}` : '', event.allocationId, event.agentId === event.instanceId ? null : event.agentId].filter(Boolean).join(' · '))}
        </Text>
      </div>
    </li>
  )
}

function dayOf(event: LiveEvent | undefined): string {
  return event === undefined ? '' : formatTime(Date.parse(event.time)).slice(0, 10)
}
