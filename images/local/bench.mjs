import { enter } from './entry.mjs'

await enter('bench', { tests: true })
