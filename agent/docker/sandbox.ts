import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type Dockerode from 'dockerode'
import { pack } from 'tar-stream'
import { LABELS } from '../plan/container-spec.ts'
import type { SandboxNetwork } from '../plan/sandbox-name.ts'
import { callDocker } from './deadline.ts'
import { isDockerError } from './errors.ts'
import { pauseProgram } from './pause-program.ts'

const PROGRAM = '/pause'

/** Makes and starts a network sandbox (D3); its image is made on the first use. Returns the id; kind `conflict` where the name is taken. */
export async function makeSandbox(client: Dockerode, sandbox: { name: string; network: SandboxNetwork; agentId: string; clusterId: string }): Promise<string> {
  const program = pauseProgram(process.arch)
  const image = `drover/sandbox:${createHash('sha256').update(program).digest('hex').slice(0, 12)}`
  const options: Dockerode.ContainerCreateOptions = {
    name: sandbox.name, Image: image, Entrypoint: [PROGRAM], User: '65534:65534',
    // not the labels of a run: who lists runs must not find these
    Labels: { [LABELS.sandbox]: sandbox.agentId, [LABELS.cluster]: sandbox.clusterId },
    HostConfig: { NetworkMode: sandbox.network, CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'], ReadonlyRootfs: true, LogConfig: { Type: 'none', Config: {} }, RestartPolicy: { Name: 'no' } },
  }
  const create = async (): Promise<Dockerode.Container> => callDocker('create a sandbox', (abortSignal) => client.createContainer({ ...options, abortSignal }))
  let made: Dockerode.Container
  try {
    made = await create()
  } catch (error) {
    if (!isDockerError(error, 'image-missing')) throw error
    await importImage(client, image, program)
    made = await create()
  }
  await callDocker('start a sandbox', (abortSignal) => made.start({ abortSignal }))
  return made.id
}

async function importImage(client: Dockerode, image: string, program: Buffer): Promise<void> {
  const [repo, tag] = image.split(':')
  const tar = pack()
  tar.entry({ name: PROGRAM.slice(1), mode: 0o755 }, program)
  tar.finalize()
  const answer = await callDocker('import the sandbox image', () => client.importImage(Readable.from(tar), { repo, tag }))
  await callDocker('import the sandbox image', async () => {
    for await (const _ of answer) continue
  })
}
