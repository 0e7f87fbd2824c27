import type { HyperparameterSpace } from '../../../protocol/words/search-config.ts'
import { preview } from '../../search/preview.ts'
import { CliError, EXIT } from '../fail.ts'
import type { Invocation } from '../invocation.ts'
import { loadConfig } from '../load-config.ts'

const POINTS_SHOWN = 10

/** Without a master: the tree of a search, trials by length, and the hyperparameters of the first trials. */
export async function previewSearch({ terminal }: Invocation, file: string): Promise<number> {
  const { config, errors } = await loadConfig([file])
  if (config === null) throw new CliError(EXIT.failed, `${file} has mistakes:\n${errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n')}`, `mend them; drover config check ${file} names warnings too`)
  const { searcher } = config
  const shown = preview({ searcher, space: config.hyperparameters as HyperparameterSpace, seed: config.reproducibility.experiment_seed }, POINTS_SHOWN)
  if (terminal.json) {
    terminal.data({ searcher: searcher.name, ...shown })
    return EXIT.ok
  }
  terminal.line(`${searcher.name}: ${count(shown.trials)}`)
  const time = 'time_metric' in searcher ? searcher.time_metric : ''
  for (const [index, rows] of shown.brackets.entries()) {
    if (shown.brackets.length > 1) terminal.line(`  bracket ${index + 1}: ${count(rows.reduce((sum, row) => sum + row.trials, 0))}`)
    for (const { trials, until } of rows) terminal.line(`  ${shown.brackets.length > 1 ? '  ' : ''}${count(trials)} ${until === null ? 'until the script ends' : `until ${time} is ${until}`}`)
  }
  terminal.line(shown.trials > shown.points.length ? `hyperparameters of the first ${shown.points.length}:` : 'hyperparameters:')
  for (const point of shown.points) terminal.line(`  ${JSON.stringify(point)}`)
  return EXIT.ok
}

function count(trials: number): string {
  return `${trials} trial${trials === 1 ? '' : 's'}`
}
