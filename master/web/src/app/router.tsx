import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { Cluster } from '../cluster/cluster.tsx'
import { ExperimentPage } from '../experiment/experiment-page.tsx'
import { EXPERIMENT_TABS, type ExperimentTab } from '../experiment/tabs.ts'
import { TrialRedirect } from '../experiment/trial-redirect.tsx'
import { Experiments } from '../experiments/experiments.tsx'
import { NotFound, PageFault } from './faults.tsx'
import { Shell } from './shell.tsx'

const rootRoute = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: PageFault })

const indexRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/experiments' })
  },
})

const experimentsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/experiments',
  validateSearch: (search): { name?: string; state?: string } => ({ ...textOf(search, 'name'), ...textOf(search, 'state') }),
  component: Experiments,
})

const experimentRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/experiments/$experimentId',
  params: { parse: (raw) => ({ experimentId: Number(raw.experimentId) }), stringify: (params) => ({ experimentId: String(params.experimentId) }) },
  validateSearch: (search): { tab?: ExperimentTab; trial?: number } => {
    const tab = EXPERIMENT_TABS.find((known) => known === search['tab'])
    const trial = Number(search['trial'])
    return { ...(tab === undefined ? {} : { tab }), ...(Number.isSafeInteger(trial) && trial > 0 ? { trial } : {}) }
  },
  component: ExperimentPage,
})

const trialRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/trials/$trialId',
  params: { parse: (raw) => ({ trialId: Number(raw.trialId) }), stringify: (params) => ({ trialId: String(params.trialId) }) },
  component: TrialRedirect,
})

const clusterRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/cluster',
  validateSearch: (search): { instance?: string } => textOf(search, 'instance'),
  component: Cluster,
})

const graphqlRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/graphql',
  component: lazyRouteComponent(() => import('../graphql/graphql-page.tsx'), 'GraphqlPage'),
})

const apiRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/api',
  component: lazyRouteComponent(() => import('../docs/api-page.tsx'), 'ApiPage'),
})

const routeTree = rootRoute.addChildren([indexRoute, experimentsRoute, experimentRoute, trialRoute, clusterRoute, graphqlRoute, apiRoute])

export function makeRouter() {
  return createRouter({ routeTree, basepath: '/ui', scrollRestoration: true })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>
  }
}

function textOf<K extends string>(search: Record<string, unknown>, key: K): Partial<Record<K, string>> {
  const value = search[key]
  return value === undefined || value === '' ? {} : ({ [key]: String(value) } as Record<K, string>)
}
