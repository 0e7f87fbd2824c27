import { say, untilAborted, withCluster } from './session.ts'

/** `npm run up`: the local cluster, left running, no experiment. */
process.exitCode = await withCluster(async ({ run }, signal) => {
  say(`\nThe cluster runs.
  WebUI     ${run.masterUrl}  (user ${run.user}, password ${run.password})
  Bucket    ${run.bucketUrl}
  Settings  .drover/run.json
  Submit    export DROVER_MASTER=${run.masterUrl} DROVER_USER=${run.user} DROVER_PASS=${run.password}
            npm run -s drover -- experiment create images/examples/fashion-mnist/config.yaml images/examples/fashion-mnist -f
  Stop      Ctrl-C`)
  await untilAborted(signal)
  return 0
})
process.exit(process.exitCode)
