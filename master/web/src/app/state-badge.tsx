import { Group, Progress, Text, Tooltip } from '@mantine/core'
import type { ReactNode } from 'react'
import { formatShare, formatTime, formatAgo } from '../words/format.ts'
import { lookOf, type StateLook } from '../words/states.ts'

/** A state in one word with its mark. Colour is never the only sign. */
export function StateBadge({ state, look = lookOf(state) }: { state: string; look?: StateLook }): ReactNode {
  return (
    <Group gap={7} wrap="nowrap" data-state={state} style={{ display: 'inline-flex' }}>
      <span className="state-mark" data-moving={look.moving} style={{ background: `var(--mantine-color-${look.colour}-6)` }} />
      <Text span size="sm" fw={550} style={{ whiteSpace: 'nowrap' }}>{look.label}</Text>
    </Group>
  )
}

export function ProgressCell({ share, colour }: { share: number; colour: string }): ReactNode {
  return (
    <Group gap={8} wrap="nowrap" w={130}>
      <Progress value={Math.min(1, Math.max(0, share)) * 100} color={colour} size="sm" style={{ flex: 1 }} aria-label="Progress" />
      <Text span size="xs" className="numbers quiet" w={38} ta="right">{formatShare(share)}</Text>
    </Group>
  )
}

/** `5 min ago`, with the full time under the pointer. */
export function Ago({ time, now }: { time: string | null | undefined; now: number }): ReactNode {
  if (!time) return <span className="quiet">–</span>
  const at = Date.parse(time)
  return <Tooltip label={formatTime(at)}><time dateTime={time} className="numbers">{formatAgo(at, now)}</time></Tooltip>
}
