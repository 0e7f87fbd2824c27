import { enter } from './entry.mjs'

await enter('drills', { tests: true })
