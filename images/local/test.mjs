import { enter } from './entry.mjs'

await enter('test', { tests: true })
