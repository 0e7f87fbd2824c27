/**
 * Random numbers that depend on nothing but a seed, a trial and the name of what is drawn: neither the order of events
 * nor the order or number of other hyperparameters changes them.
 */
export function draw(seed: number, trial: number, name: string): number {
  let [a, b, c] = [hash32(name, 0x9e3779b9), seed >>> 0, trial >>> 0]
  // high bits of the seed, which is 31 bits wide in a configuration, and of the trial
  let d = (Math.floor(seed / 2 ** 32) ^ Math.imul(Math.floor(trial / 2 ** 32), 0x85ebca6b)) >>> 0
  const next = (): number => {
    // sfc32: a small fast counting generator
    const sum = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let i = 0; i < 12; i += 1) next()
  return ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53
}

/** FNV-1a over UTF-16 units, finished so that near names lie far apart. */
function hash32(text: string, start: number): number {
  let hash = start
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
