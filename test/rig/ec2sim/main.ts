import { parseArgs } from 'node:util'
import { startEc2Sim } from './ec2sim.ts'

/** `node test/rig/ec2sim/main.ts --moto URL --port N`: serves until SIGTERM or SIGINT. */
const { values } = parseArgs({ options: { moto: { type: 'string' }, port: { type: 'string', default: '0' } } })
if (!values.moto) throw new Error('name the moto_server: --moto http://127.0.0.1:5000')
const sim = await startEc2Sim({ moto: values.moto, port: Number(values.port) })
process.stdout.write(`${JSON.stringify({ url: sim.url, control: `${sim.url}/_ec2sim/` })}\n`)
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => void sim.close())
