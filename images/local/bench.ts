import { runProgram } from './run-program.ts'
import { runWithServers } from './servers.ts'

/** `npm run bench [-- --json] [-- --only NAME]`: real servers of our own, then test/bench. */
await runWithServers('bench', (env, signal) => runProgram('test/bench/main.ts', env, signal))
