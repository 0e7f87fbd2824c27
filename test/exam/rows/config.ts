import type { Exam } from '../exam.ts'

/** A configuration file that trains for `steps` steps, with a validation and a checkpoint every `every`. */
export function trainingFile(exam: Exam, name: string, { steps = 6, every = 3, pause = 0.02, more = '' } = {}): string {
  return exam.file(`${name}.yaml`, [
    `name: ${name}`, 'entrypoint: python3 train.py', 'environment:', `  image: ${process.env['DROVER_TEST_IMAGE'] ?? ''}`,
    'hyperparameters:', `  steps: ${steps}`, `  every: ${every}`, `  pause: ${pause}`, 'searcher:', '  name: single', '  metric: validation_loss', '  smaller_is_better: true', 'max_restarts: 0', more, '',
  ].join('\n'))
}

/** Submits by the command line; the experiment's number. */
export async function create(exam: Exam, file: string, ...options: string[]): Promise<string> {
  const out = await exam.ok('experiment', 'create', file, 'model', ...options)
  return numberIn(out, /Created experiment (\d+)/)
}

export function numberIn(text: string, pattern: RegExp): string {
  const found = pattern.exec(text)?.[1]
  if (found === undefined) throw new Error(`${pattern.source} is not in:\n${text}`)
  return found
}

/** A table printed with --csv, by its first line's names. */
export function csvRows(text: string): Record<string, string>[] {
  const [head = '', ...lines] = text.trim().split(/\r?\n/)
  const names = head.split(',')
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, index) => [names[index] ?? '', cell])))
}

export async function stateOf(exam: Exam, id: string): Promise<string> {
  const { experiment } = await exam.stack.client.get<{ experiment: { state: string } }>(`/api/v1/experiments/${id}`)
  return experiment.state
}
