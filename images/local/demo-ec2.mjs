import { enter } from './entry.mjs'

await enter('demo-ec2', { tests: true })
