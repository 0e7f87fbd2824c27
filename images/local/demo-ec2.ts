import { runProgram } from './run-program.ts'
import { runWithServers } from './servers.ts'

/** `npm run demo:ec2`: real servers of our own, then test/demo: a herd on simulated instances, told as it happens. */
await runWithServers('demo-ec2', (env, signal) => runProgram('test/demo/ec2.ts', env, signal))
