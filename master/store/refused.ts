/** The experiment cannot run on this cluster as configured; `path` is the key, the message names the cure. */
export class ExperimentRefused extends Error {
  override readonly name = 'ExperimentRefused'
  readonly path: string
  constructor(path: string, message: string) {
    super(message)
    this.path = path
  }
}
