import '@mantine/core/styles.css'
import 'uplot/dist/uPlot.min.css'
import './page.css'
import { MantineProvider } from '@mantine/core'
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ApiError } from '../api/http.ts'
import { LiveConnection } from '../live/connection.ts'
import { LiveContext, openWebSocket } from '../live/use-live.ts'
import { makeRouter } from './router.tsx'
import { theme } from './theme.ts'

const queryClient: QueryClient = new QueryClient({
  defaultOptions: { queries: { staleTime: 2_000, retry: (count, error) => count < 3 && !isAnswer(error) } },
  queryCache: new QueryCache({
    // The session has ended: asking who we are again brings the login page.
    onError: (error, query) => {
      if (error instanceof ApiError && error.status === 401 && query.queryKey[0] !== 'me') void queryClient.resetQueries({ queryKey: ['me'] })
    },
  }),
})
const live = new LiveConnection(openWebSocket, Math.random)
const router = makeRouter()

/** The master has said no: asking again changes nothing. 5xx and silence pass. */
function isAnswer(error: unknown): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500
}

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no element with the id root')
createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <LiveContext value={live}>
          <RouterProvider router={router} />
        </LiveContext>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
