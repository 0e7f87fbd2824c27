import { readList, readText } from './fields.ts'
import { addError, addWarning, at, quote, show } from './findings.ts'
import type { Findings } from './findings.ts'
import type { Shape } from './shape.ts'

const TRIAL_CLASS = /^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$/

/** A string runs under `sh -c`; a list is argv, where an empty argument is an argument too. */
export const entrypoint: Shape<string | string[]> = {
  needed: true,
  schema: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, minItems: 1 }], description: 'The command that starts the training' },
  read: (found, path, value) => {
    if (value === null || value === undefined) {
      addError(found, path, 'is missing; write the command that starts the training, as in "python3 train.py"')
      return ''
    }
    if (!Array.isArray(value)) {
      if (typeof value === 'string' && TRIAL_CLASS.test(value)) addWarning(found, path, `${quote(value)} looks like a trial class, a form that Determined 0.38 removed: it is run as a command; write one, as in "python3 train.py"`)
      if (typeof value === 'string') return readText(found, path, value, '', { max: 65_536, multiline: true })
      addError(found, path, `found ${show(value)}; a command line or a list of arguments is needed`)
      return ''
    }
    if (value.length === 0 || value[0] === '') addError(found, path, 'names no program; the first argument is the program')
    return readList(found, path, value, 1024, 'arguments').map((one, index) => argument(found, at(path, index), one))
  },
}

function argument(found: Findings, path: string, value: unknown): string {
  if (value === null || value === undefined) addError(found, path, 'found null; text is needed; write it in quotes')
  return readText(found, path, value, '', { max: 65_536, multiline: true, emptyAllowed: true })
}
