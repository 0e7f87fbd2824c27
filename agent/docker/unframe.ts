/** Docker multiplexes both streams: frames of 8 bytes head (stream, 0, 0, 0, length big-endian) and payload. Returns plain text. */
export function unframe(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: Buffer[] = []
  let at = 0
  while (at + 8 <= buffer.length) {
    const end = at + 8 + buffer.readUInt32BE(at + 4)
    parts.push(buffer.subarray(at + 8, Math.min(end, buffer.length)))
    at = end
  }
  return Buffer.concat(parts).toString('utf8')
}
