import { createHash } from 'node:crypto'

/** What gang.py prints at its end on every rank; computed here without Drover: one step lost or done twice changes all of it. */
export function expectedGangWeights(steps: number, world = 2): string {
  const sha = (...parts: (Buffer | string)[]): Buffer => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
  let weights: Buffer = Buffer.from(`gang of ${world}`)
  for (let step = 0; step < steps; step += 1) {
    const said = Array.from({ length: world }, (_, rank) => sha(weights, `${step} of rank ${rank}`))
    weights = sha(weights, sha(...said))
  }
  return weights.toString('hex')
}
