import { createHash } from 'node:crypto'

/** What train.py prints at its end; computed here without Drover: one step lost or done twice changes all of it. */
export function expectedWeights(steps: number, size = 1000, seed = 7): string {
  const sha = (data: Buffer): Buffer => createHash('sha256').update(data).digest()
  let weights: Buffer = Buffer.from(`seed ${seed}`)
  for (let step = 0; step < steps; step += 1) {
    let chunk: Buffer = weights.subarray(-32)
    const blocks: Buffer[] = []
    for (let have = 0; have < size; have += 32) blocks.push((chunk = sha(Buffer.concat([chunk, Buffer.from(String(step))]))))
    weights = Buffer.concat([sha(weights), Buffer.concat(blocks).subarray(0, size)])
  }
  return sha(weights).toString('hex')
}
