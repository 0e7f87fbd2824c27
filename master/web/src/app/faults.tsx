import { Alert, Anchor, Button, Code, CopyButton, Group, Stack, Text, Title } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'

/** What happened and, where it helps, a way to try again. */
export function Fault({ error, title, onRetry }: { error: unknown; title: string; onRetry?: () => void }): ReactNode {
  return (
    <Alert color="red" variant="light" title={title} role="alert">
      <Text size="sm" className="break">{messageOfError(error)}</Text>
      {onRetry ? <Button mt="sm" size="xs" variant="default" onClick={onRetry}>Try again</Button> : null}
    </Alert>
  )
}

export function messageOfError(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Nothing here yet, and what to do about it. */
export function Empty({ title, children, command }: { title: string; children?: ReactNode; command?: string }): ReactNode {
  return (
    <Stack align="center" gap="xs" py={56} px="md">
      <Text fw={600}>{title}</Text>
      {children ? <Text size="sm" className="quiet" ta="center" maw={520}>{children}</Text> : null}
      {command ? <Command text={command} /> : null}
    </Stack>
  )
}

function Command({ text }: { text: string }): ReactNode {
  return (
    <Group gap="xs" mt={4}>
      <Code fz="sm" px="sm" py={6}>{text}</Code>
      <CopyText text={text} label="Copy" />
    </Group>
  )
}

export function CopyText({ text, label }: { text: string; label: string }): ReactNode {
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => <Button size="xs" variant="default" onClick={copy}>{copied ? 'Copied' : label}</Button>}
    </CopyButton>
  )
}

export function NotFound(): ReactNode {
  return (
    <Empty title="There is no such page">
      The address may be old or mistyped. <Anchor component={Link} to="/experiments">See all experiments</Anchor>
    </Empty>
  )
}

export function PageFault({ error }: { error: unknown }): ReactNode {
  return (
    <Stack p="xl" maw={720} mx="auto">
      <Title order={3}>This page has a fault</Title>
      <Fault title="It could not be drawn" error={error} onRetry={() => window.location.reload()} />
    </Stack>
  )
}
