import { say, untilAborted, withCluster } from './session.ts'

/** `npm run up`: the local cluster, left running, no experiment. */
process.exit(await withCluster(async ({ run }, signal) => {
  say(`
The cluster runs.
  WebUI     ${run.masterUrl}  user ${run.user}, password ${run.password}
  bucket    ${run.bucketUrl}
  settings  .drover/run.json; logs in .drover/logs/
  submit    export DROVER_MASTER=${run.masterUrl} DROVER_USER=${run.user} DROVER_PASS=${run.password}
            npm run -s drover -- experiment create images/examples/fashion-mnist/config.yaml images/examples/fashion-mnist -f
  stop      Ctrl-C`)
  await untilAborted(signal)
  return 0
}))
