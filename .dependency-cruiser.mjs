// The import law of ARCHITECTURE.md ("Rooms"). Type imports count: a room that knows another's types knows the room.
import { createRequire } from 'node:module'

// without a TypeScript parser nothing would be looked at, and all would seem well
createRequire(import.meta.url).resolve('@swc/core')

const TESTS = '\\.test\\.tsx?$'
const WORDS = '^protocol/(words|wire)/'

/** Code of `room` may import itself, `allowed` and nothing else of the repository. */
function room(name, path, allowed) {
  return {
    name: `room-${name}`,
    comment: `${name} may import only itself and: ${allowed.join(', ') || 'nothing'}`,
    severity: 'error',
    from: { path, pathNot: TESTS },
    to: { path: '^(agent|master|protocol|images|test)/', pathNot: [path, ...allowed] },
  }
}

/** A room that decides: no package but `packages`, nothing of Node. */
function pure(name, path, allowed, packages = []) {
  return [
    room(name, path, allowed),
    {
      name: `pure-${name}`,
      comment: `${name} is pure: no Node module, and of packages only ${packages.join(', ') || 'none'}`,
      severity: 'error',
      from: { path, pathNot: TESTS },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg'], pathNot: packages.map((one) => `node_modules/${one}/`) },
    },
  ]
}

/** A package that reaches outside has one home; tests may speak to the outside themselves. */
function home(name, packages, places) {
  return {
    name: `home-${name}`,
    comment: `${packages.join(', ')} is imported only by ${places.join(', ')}`,
    severity: 'error',
    from: { path: '^(agent|master|protocol|images)/', pathNot: [TESTS, ...places] },
    to: { path: packages.map((one) => `node_modules/${one}/`) },
  }
}

export default {
  forbidden: [
    { name: 'agent-and-master', comment: 'agent and master share only protocol/', severity: 'error', from: { path: '^agent/' }, to: { path: '^master/' } },
    { name: 'master-and-agent', comment: 'agent and master share only protocol/', severity: 'error', from: { path: '^master/' }, to: { path: '^agent/' } },
    { name: 'product-and-tests', comment: 'the product never imports its tests', severity: 'error', from: { path: '^(agent|master|protocol|images)/', pathNot: TESTS }, to: { path: '^test/|\\.test\\.tsx?$' } },
    { name: 'no-cycle', comment: 'types live below their users', severity: 'error', from: {}, to: { circular: true } },
    { name: 'not-found', comment: 'an import that leads nowhere', severity: 'error', from: {}, to: { couldNotResolve: true, pathNot: '^node:|\\.css$' } },
    ...pure('protocol/words', '^protocol/words/', [], ['yaml', 'typebox']),
    ...pure('protocol/wire', '^protocol/wire/', [WORDS], ['typebox']),
    room('protocol', '^protocol/', []),
    room('protocol/kit', '^protocol/kit/', []),
    ...pure('agent/plan', '^agent/plan/', [WORDS, '^agent/gather/']),
    ...pure('agent/gather', '^agent/gather/', [WORDS]),
    ...pure('master/schedule', '^master/schedule/', [WORDS]),
    ...pure('master/scale', '^master/scale/', [WORDS, '^master/schedule/']),
    ...pure('master/reconcile', '^master/reconcile/', [WORDS, '^protocol/bucket/layout\\.ts$', '^master/(schedule|scale|search)/']),
    ...pure('master/search', '^master/search/', [WORDS]),
    room('agent/docker', '^agent/docker/', ['^protocol/', '^agent/plan/']),
    room('agent/host', '^agent/host/', ['^protocol/', '^agent/gather/']),
    room('agent/journal', '^agent/journal/', ['^protocol/']),
    room('agent/gateway', '^agent/gateway/', ['^protocol/', '^agent/journal/door\\.ts$', '^agent/plan/']),
    room('agent/bucket', '^agent/bucket/', ['^protocol/', '^agent/journal/door\\.ts$', '^agent/steps/attendant\\.ts$', '^agent/gateway/']),
    room('master/store', '^master/store/', ['^protocol/', '^master/(schedule|scale|reconcile|search)/']),
    room('master/cloud', '^master/cloud/', ['^protocol/', '^master/(schedule|scale)/']),
    // the command line speaks HTTP and ws; the pure room search is what it may look ahead with, without a master
    room('master/cli', '^master/cli/', [WORDS, '^protocol/kit/(clock|backoff)\\.ts$', '^master/deploy/program\\.ts$', '^master/search/']),
    room('master/deploy', '^master/deploy/', ['^protocol/bucket/', '^master/config-(section|tree)\\.ts$', '^master/cli/']),
    ...pure('master/deploy/stack', '^master/deploy/(stack/|(words|template|closing|cost|reasons)\\.ts$)', ['^master/deploy/']),
    room('master/web', '^master/web/', [WORDS]),
    home('docker', ['dockerode'], ['^agent/docker/']),
    home('s3', ['@aws-sdk/client-s3', '@aws-sdk/lib-storage'], ['^protocol/bucket/']),
    home('ec2', ['@aws-sdk/client-ec2'], ['^master/(cloud|deploy/aws)/']),
    home('graphql', ['postgraphile', '@graphile/', 'postgraphile-plugin-connection-filter'], ['^master/graphql/']),
    room('master/graphql', '^master/graphql/', ['^protocol/', '^master/store/']),
    home('aws-install', ['@aws-sdk/client-(cloudformation|pricing|service-quotas|ssm|secrets-manager|sts)'], ['^master/(deploy/aws|cloud)/']),
    home('postgres', ['pg'], ['^master/store/', '^images/local/postgres\\.ts$', '^master/api/test-rig/']),
    home('host', ['systeminformation'], ['^agent/host/']),
    home('ws', ['ws', '@fastify/websocket'], ['^master/(api|agent-api|cli)/', '^agent/gateway/', '^master/web/stub-master\\.ts$']),
    home('nats', ['nats'], ['^protocol/link\\.ts$']),
    home('http-server', ['fastify'], ['^master/(api|agent-api)/', '^master/(compose|people)\\.ts$']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // its parser stumbles over TSX: the page's own law (HTTP and ws only) is kept by its tsconfig, which sees no other room
    exclude: { path: '^(dist|\\.drover|coverage)/|\\.tsx$' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'], extensions: ['.ts', '.tsx', '.mjs', '.js', '.d.mts'] },
  },
}
