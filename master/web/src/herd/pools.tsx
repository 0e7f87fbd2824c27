import { Box, Group, Stack, Text, Title, Tooltip } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { ApiDryMark, ApiLaunch, ApiPool } from '../../../../protocol/wire/api.ts'
import { Ago, StateBadge } from '../app/state-badge.tsx'
import { useNow } from '../app/use-now.ts'
import { formatAgo, formatCount, formatDollars, formatDuration } from '../words/format.ts'
import { neutralise } from '../words/neutralise.ts'
import { instanceLookOf } from '../words/states.ts'
import { AdminButton } from './alarms.tsx'

/** One pool: what it costs an hour, what waits in it and why, what EC2 says. */
export function PoolCard({ pool }: { pool: ApiPool }): ReactNode {
  const now = useNow(1000)
  return (
    <Box className="panel" p="md" data-pool={pool.name} data-paused={pool.paused !== null}>
      <Group justify="space-between" align="baseline" wrap="nowrap" gap="md">
        <Title order={3} fz={15} className="ellipsis" title={neutralise(pool.name)}>{neutralise(pool.name)}</Title>
        {pool.policy === null ? null : <Text size="sm" fw={600} className="numbers">{hourWords(pool)}</Text>}
      </Group>
      <Text size="xs" className="quiet break">{neutralise(policyWords(pool))}</Text>
      <Counts pool={pool} />
      <Standing pool={pool} />
      <Stack gap={2} mt="xs">
        {pool.launches.map((launch) => <OpenLaunch key={launch.id} launch={launch} now={now} />)}
        {pool.dry.map((mark) => <Refused key={`${mark.type} ${mark.zone} ${mark.market}`} mark={mark} now={now} />)}
      </Stack>
      <Waiting pool={pool} now={now} />
    </Box>
  )
}

function Counts({ pool }: { pool: ApiPool }): ReactNode {
  const states = Object.entries(pool.instances)
  if (pool.policy === null && states.length === 0) return <Text size="sm" mt={6} className="quiet">Agents join it by themselves; no instance is started for it.</Text>
  return (
    <Group gap="md" mt={6} style={{ rowGap: 2 }}>
      {pool.policy === null ? null : (
        <Tooltip label={`At least ${pool.policy.minInstances}, at most ${pool.policy.maxInstances} instances. Idle ones are retired after ${formatDuration(pool.policy.maxIdleSeconds * 1000)}.`}>
          <Text span size="sm" className="numbers" tabIndex={0}>{formatCount(pool.count)} of {formatCount(pool.policy.maxInstances)} instances</Text>
        </Tooltip>
      )}
      {states.map(([state, count]) => <StateBadge key={state} state={state} look={poolLook(state, count)} />)}
    </Group>
  )
}

const COUNTED: Readonly<Record<string, string>> = { READY: 'ready', LAUNCHING: 'asked of EC2' }

/** In the count of a pool READY is what EC2 gives, busy or not. */
function poolLook(state: string, count: number): ReturnType<typeof instanceLookOf> {
  const look = instanceLookOf(state, true)
  return { ...look, label: `${formatCount(count)} ${COUNTED[state] ?? look.label.toLowerCase()}` }
}

function Standing({ pool }: { pool: ApiPool }): ReactNode {
  return (
    <>
      {pool.note ? <Text size="sm" mt="xs" className="break" data-testid="note">{neutralise(pool.note)}</Text> : null}
      {pool.paused ? (
        <Group justify="space-between" align="flex-end" gap="sm" mt="xs" p="sm" className="paused">
          <Text size="sm" className="break" style={{ flex: '1 1 260px' }}><b>Paused, launches nothing:</b> {neutralise(pool.paused.reason)}</Text>
          <AdminButton path={`/api/v1/drover/pools/${encodeURIComponent(pool.name)}/resume`} label="Resume" hint="Lets the pool launch again. Mend what made its boots fail first: every attempt costs." />
        </Group>
      ) : null}
      {pool.cure ? <Text size="sm" mt={4} className="break"><b>To do:</b> {neutralise(pool.cure)}</Text> : null}
    </>
  )
}

function OpenLaunch({ launch, now }: { launch: ApiLaunch; now: number }): ReactNode {
  const words = `${launch.count > 1 ? `${launch.count} × ` : ''}${launch.type}, ${launch.zone}, ${launch.market}`
  return (
    <Group gap="sm" wrap="nowrap" data-launch={launch.id}>
      <StateBadge state="LAUNCHING" look={instanceLookOf('LAUNCHING', false)} />
      <Text size="sm" className="ellipsis" title={neutralise(launch.reason)}>{neutralise(words)} <span className="quiet numbers">for {formatDuration(Math.max(0, now - Date.parse(launch.decidedAt)))}</span></Text>
    </Group>
  )
}

function Refused({ mark, now }: { mark: ApiDryMark; now: number }): ReactNode {
  return (
    <Tooltip label={neutralise(`${mark.text} To do: ${mark.cure}`)}>
      <Group gap="sm" wrap="nowrap" align="baseline" tabIndex={0} data-refused={mark.type}>
        <span className="state-mark" style={{ background: 'var(--mantine-color-red-6)' }} />
        <Text size="sm" className="break"><b>{neutralise(mark.code)}</b> {neutralise(`${mark.type}, ${mark.zone || 'every zone'}, ${mark.market}`)} <span className="quiet">tried again {formatAgo(Date.parse(mark.until), now)}</span></Text>
      </Group>
    </Tooltip>
  )
}

const WAITING_SHOWN = 5

function Waiting({ pool, now }: { pool: ApiPool; now: number }): ReactNode {
  if (pool.waiting.length === 0) return null
  return (
    <Stack gap={2} mt="xs">
      <Text size="xs" className="quiet">{formatCount(pool.waiting.length)} {pool.waiting.length === 1 ? 'allocation waits' : 'allocations wait'}</Text>
      {pool.waiting.slice(0, WAITING_SHOWN).map((each) => (
        <Text key={each.allocation} size="sm" className="break" data-waiting={each.allocation}>
          {each.experimentId === null ? neutralise(each.allocation) : <Link className="link" to="/experiments/$experimentId" params={{ experimentId: each.experimentId }}>experiment {each.experimentId}</Link>}
          {' '}<span className="quiet">{formatCount(each.slots)} {each.slots === 1 ? 'slot' : 'slots'}, since <Ago time={each.since} now={now} /></span>
          {each.reason ? <span className="quiet">: {neutralise(each.reason.replace(/^waits: /, ''))}</span> : null}
        </Text>
      ))}
      {pool.waiting.length > WAITING_SHOWN ? <Text size="xs" className="quiet">and {formatCount(pool.waiting.length - WAITING_SHOWN)} more</Text> : null}
    </Stack>
  )
}

function policyWords({ policy, description }: ApiPool): string {
  if (policy === null) return description
  return [description, policy.instanceTypes.join(', '), policy.market.replaceAll('-', ' ').replace('on demand', 'on-demand'), policy.region].filter((word) => word !== '').join(' · ')
}

/** `$2.01 an hour`; what has no known price is counted, never hidden. */
function hourWords(pool: ApiPool): string {
  const unknown = pool.unpriced === 0 ? '' : ` + ${pool.unpriced} of unknown price`
  return `${formatDollars(pool.perHour)}/h${unknown}`
}
