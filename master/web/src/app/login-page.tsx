import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useState } from 'react'
import { ApiError } from '../api/http.ts'
import { logIn } from '../api/login.ts'
import { messageOfError } from './faults.tsx'

export function LoginPage(): ReactNode {
  const queryClient = useQueryClient()
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const login = useMutation({
    mutationFn: () => logIn(username.trim(), password),
    onSuccess: (user) => queryClient.setQueryData(['me'], { user }),
    onError: () => setPassword(''),
  })
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    login.mutate()
  }
  return (
    <Center mih="100vh" p="md">
      <Paper component="form" onSubmit={submit} className="panel" p={28} w={380} maw="100%">
        <Stack gap="md">
          <div>
            <Title order={2} fz={22}>Drover</Title>
            <Text size="sm" className="quiet">Log in with your account of this cluster.</Text>
          </div>
          {login.error ? <Alert color="red" variant="light" role="alert">{loginMessage(login.error)}</Alert> : null}
          <TextInput label="User name" name="username" autoComplete="username" autoFocus required value={username} onChange={(event) => setUsername(event.currentTarget.value)} />
          <PasswordInput label="Password" name="password" autoComplete="current-password" value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
          <Button type="submit" fullWidth loading={login.isPending} disabled={username.trim() === ''}>Log in</Button>
          {window.isSecureContext ? null : (
            <Text size="xs" c="orange">This address is not HTTPS: the password crosses the network readable. Ask for an HTTPS address, or open a tunnel to localhost.</Text>
          )}
        </Stack>
      </Paper>
    </Center>
  )
}

function loginMessage(error: unknown): string {
  if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
    return `${messageOfError(error).replace(/\.?$/, '.')} Check the user name and the password; an administrator can set a new one.`
  }
  return messageOfError(error)
}
