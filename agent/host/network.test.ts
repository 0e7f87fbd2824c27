import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { addressTowards, freePort, interfaceOf } from './network.ts'

test('the interface of an address that this host has; of another\'s there is none', () => {
  expect(interfaceOf('127.0.0.1')).toMatch(/^lo/)
  expect(interfaceOf('192.0.2.200')).toBeUndefined()
})

test('the address towards a master on this host is the loopback', async () => {
  expect(await addressTowards('https://127.0.0.1:8443')).toBe('127.0.0.1')
})

test('a port that is given or listened on is not given again', async () => {
  const server = createServer().listen(23_000)
  await new Promise((resolve) => server.once('listening', resolve))
  const draws = [0.25, (22_000 - 20_000) / 12_000, (24_000 - 20_000) / 12_000]
  try {
    // 0.25 is 23000, which is listened on; 22000 is given
    expect(await freePort(new Set([22_000]), () => draws.shift() ?? 0)).toBe(24_000)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
})
