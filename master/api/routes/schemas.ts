import type { FastifyInstance } from 'fastify'
import { experimentSchema } from '../../../protocol/words/config/experiment.ts'

/** JSON Schema of an experiment file, for editors: `# yaml-language-server: $schema=<master>/schemas/experiment.json`. */
export function schemaRoutes(app: FastifyInstance): void {
  const text = JSON.stringify(experimentSchema())
  app.get('/schemas/experiment.json', { config: { access: 'public' } }, (_request, reply) => reply.type('application/schema+json').header('access-control-allow-origin', '*').send(text))
}
