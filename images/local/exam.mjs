import { enter } from './entry.mjs'

await enter('exam', { tests: true, exam: true })
