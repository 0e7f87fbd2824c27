import { ActionIcon, Box, Button, Center, Group, Loader, Menu, Stack, Text, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { ApiError } from '../api/http.ts'
import { logOut } from '../api/login.ts'
import { meQuery } from '../api/queries.ts'
import type { User } from '../api/shapes.ts'
import { EventsContext, useEventFeed } from '../live/use-events.ts'
import { useLiveStatus, useRetryOnReturn } from '../live/use-live.ts'
import { Fault } from './faults.tsx'
import { LoginPage } from './login-page.tsx'

/** Frame of all pages. Who is not logged in sees the login page at any address and stays there afterwards. */
export function Shell(): ReactNode {
  const me = useQuery(meQuery())
  if (me.data) return <Frame user={me.data.user} />
  if (me.isPending) return <Center h="100vh"><Loader size="sm" aria-label="Loading" /></Center>
  if (me.error instanceof ApiError && (me.error.status === 401 || me.error.status === 403)) return <LoginPage />
  return (
    <Center h="100vh" p="md">
      <Box maw={560}><Fault title="The page cannot start" error={me.error} onRetry={() => void me.refetch()} /></Box>
    </Center>
  )
}

function Frame({ user }: { user: User }): ReactNode {
  const events = useEventFeed()
  useRetryOnReturn()
  return (
    <EventsContext value={events}>
      <Box component="header" className="panel" style={{ borderWidth: '0 0 1px', borderRadius: 0, position: 'sticky', top: 0, zIndex: 100 }}>
        <Group h={52} px="lg" gap="md" maw={1680} mx="auto" wrap="nowrap">
          <Link to="/experiments" className="plain-link"><Text fw={700} fz={17} style={{ letterSpacing: '-0.01em' }}>Drover</Text></Link>
          <Group component="nav" gap={4} wrap="nowrap" aria-label="Pages">
            <Link to="/experiments" className="nav-link">Experiments</Link>
            <Link to="/cluster" className="nav-link">Cluster</Link>
            <Link to="/graphql" className="nav-link">Queries</Link>
            <Link to="/api" className="nav-link">API</Link>
          </Group>
          <Group gap="sm" ml="auto" wrap="nowrap">
            <LiveMark />
            <SchemeSwitch />
            <UserMenu user={user} />
          </Group>
        </Group>
      </Box>
      <Stack component="main" maw={1680} mx="auto" px="lg" py="lg" gap="md"><Outlet /></Stack>
    </EventsContext>
  )
}

const LIVE_WORDS = {
  idle: ['gray', 'Idle', 'Nothing on this page is followed.'],
  connecting: ['gray', 'Connecting', 'Opening the live connection to the master.'],
  open: ['teal', 'Live', 'Changes arrive as they happen.'],
  reconnecting: ['orange', 'Reconnecting', 'The live connection was lost. The page goes on by itself from where it stopped; nothing is missed. If this lasts, check that the master runs.'],
} as const

function LiveMark(): ReactNode {
  const status = useLiveStatus()
  const [colour, label, hint] = LIVE_WORDS[status]
  return (
    <Tooltip label={hint}>
      <Group gap={6} wrap="nowrap" role="status" aria-live="polite" data-live={status}>
        <span className="state-mark" data-moving={status === 'reconnecting'} style={{ background: `var(--mantine-color-${colour}-6)` }} />
        <Text size="xs" className="quiet live-label">{label}</Text>
      </Group>
    </Tooltip>
  )
}

function SchemeSwitch(): ReactNode {
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light')
  const other = scheme === 'dark' ? 'light' : 'dark'
  return (
    <Tooltip label={`Change to ${other} colours`}>
      <ActionIcon variant="subtle" color="gray" aria-label={`Change to ${other} colours`} onClick={() => setColorScheme(other)}>
        <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" strokeWidth="1.6" /><path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor" /></svg>
      </ActionIcon>
    </Tooltip>
  )
}

function UserMenu({ user }: { user: User }): ReactNode {
  const queryClient = useQueryClient()
  const leave = (): void => {
    // Whatever the answer, what was loaded for this user goes; `me` then says whether the session still lives.
    void logOut().catch(() => undefined).finally(() => void queryClient.resetQueries())
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target><Button variant="subtle" color="gray" size="compact-md" maw={200}>{user.displayName || user.username}</Button></Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{user.username}{user.admin ? ', administrator' : ''}</Menu.Label>
        <Menu.Item onClick={leave}>Log out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
