import cookie from '@fastify/cookie'
import { fastify, type FastifyInstance } from 'fastify'
import { answerErrors } from './answer-errors.ts'
import { guardRoutes } from './auth/guard.ts'
import { setSecurityHeaders } from './auth/headers.ts'
import { createSessions } from './auth/sessions.ts'
import { cleanInput } from './clean-input.ts'
import type { ApiDeps } from './deps.ts'
import { describeApi } from './openapi.ts'
import { ApiFault } from './errors.ts'
import { createChangeHub } from './live/change-hub.ts'
import { agentRoutes } from './routes/agents.ts'
import { authRoutes } from './routes/auth.ts'
import { checkpointRoutes } from './routes/checkpoints.ts'
import { changeExperimentRoutes } from './routes/change-experiment.ts'
import { commandRoutes } from './routes/commands.ts'
import { createExperimentRoute } from './routes/create-experiment.ts'
import { curveRoutes } from './routes/curves.ts'
import { deleteCheckpointRoutes } from './routes/delete-checkpoints.ts'
import { downloadRoutes } from './routes/downloads.ts'
import { eventRoutes } from './routes/events.ts'
import { experimentRoutes } from './routes/experiments.ts'
import { harnessRoutes } from './routes/harness.ts'
import { graphqlRoutes } from './routes/graphql.ts'
import { herdRoutes } from './routes/herd.ts'
import { jobRoutes } from './routes/jobs.ts'
import { liveRoute } from './routes/live.ts'
import { logRoutes } from './routes/logs.ts'
import { masterLogRoute } from './routes/master-logs.ts'
import { masterRoutes } from './routes/master.ts'
import { previewSearchRoute } from './routes/preview-search.ts'
import { modelRoutes } from './routes/models.ts'
import { modelVersionRoutes } from './routes/model-versions.ts'
import { projectRoutes } from './routes/projects.ts'
import { retentionRoutes } from './routes/retention.ts'
import { schemaRoutes } from './routes/schemas.ts'
import { taskRoutes } from './routes/tasks.ts'
import { templateRoutes } from './routes/templates.ts'
import { trialRoutes } from './routes/trials.ts'
import { uiRoutes } from './routes/ui.ts'
import { userRoutes } from './routes/users.ts'
import { workspaceRoutes } from './routes/workspaces.ts'
import { whyRoutes } from './routes/why.ts'

const BODY_BYTES_MAX = 1024 * 1024
/** A whole request, a model definition over a slow line included. */
const REQUEST_MS_MAX = 15 * 60_000
const PATH_PARAM_MAX = 2048
const KEEP_ALIVE_MS = 30_000

/** The people's HTTP API, the live feed and the WebUI's files; `listen` and `close` are the caller's. Closing ends every stream first. */
export async function createApi(deps: ApiDeps): Promise<FastifyInstance> {
  const app = fastify({
    logger: false, bodyLimit: BODY_BYTES_MAX, requestTimeout: REQUEST_MS_MAX, exposeHeadRoutes: false, routerOptions: { maxParamLength: PATH_PARAM_MAX },
    http: { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS }, forceCloseConnections: true,
  })
  const stopping = new AbortController()
  const hub = createChangeHub(deps.feed, deps.clock)
  app.addHook('preClose', async () => {
    stopping.abort()
    hub.close()
  })
  parseJsonAlways(app)
  answerErrors(app, deps.log)
  await app.register(cookie)
  setSecurityHeaders(app)
  const sessions = createSessions(deps.db, deps.clock)
  guardRoutes(app, deps.db, sessions)
  cleanInput(app)
  await describeApi(app)
  await liveRoute(app, deps, sessions, hub, stopping.signal)
  await authRoutes(app, deps)
  userRoutes(app, deps)
  masterRoutes(app, deps)
  masterLogRoute(app, deps, stopping.signal)
  schemaRoutes(app)
  createExperimentRoute(app, deps)
  previewSearchRoute(app)
  experimentRoutes(app, deps)
  changeExperimentRoutes(app, deps)
  trialRoutes(app, deps)
  curveRoutes(app, deps)
  jobRoutes(app, deps)
  commandRoutes(app, deps)
  logRoutes(app, deps, hub, stopping.signal)
  taskRoutes(app, deps)
  checkpointRoutes(app, deps)
  deleteCheckpointRoutes(app, deps)
  retentionRoutes(app, deps)
  downloadRoutes(app, deps, stopping.signal)
  harnessRoutes(app, deps)
  agentRoutes(app, deps)
  eventRoutes(app, deps, stopping.signal)
  herdRoutes(app, deps)
  whyRoutes(app, deps)
  graphqlRoutes(app, deps)
  workspaceRoutes(app, deps)
  projectRoutes(app, deps)
  templateRoutes(app, deps)
  modelRoutes(app, deps)
  modelVersionRoutes(app, deps)
  await uiRoutes(app, deps.settings.webDir)
  return app
}

/** Determined's client sends JSON without a content type, and nothing at all where the body would be empty. */
function parseJsonAlways(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'ignore')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('*', { parseAs: 'string' }, (request, body, done) => {
    if (body.trim() === '') return done(null, {})
    parse(request, body, (error, value) => {
      if (error) return done(new ApiFault(400, `the body is no valid JSON: ${error.message}`))
      done(null, value)
    })
  })
}
