/** Says where a request comes from as the rest of the world sees it: AWS's own answer to that. */
const ASK = 'https://checkip.amazonaws.com'
const WAIT_MS = 10_000

/** `<address>/32`, or `/128`. Throws where it cannot be found out. */
export async function ownCidr(signal: AbortSignal): Promise<string> {
  const reply = await fetch(ASK, { signal: AbortSignal.any([signal, AbortSignal.timeout(WAIT_MS)]) })
  const address = (await reply.text()).trim()
  if (!reply.ok || !/^[0-9a-fA-F.:]{3,45}$/.test(address)) throw new Error(`${ASK} answered ${reply.status} and no address`)
  return `${address}/${address.includes(':') ? 128 : 32}`
}
