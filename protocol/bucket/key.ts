import { BucketError } from './door.ts'

/** Longest key S3 takes, in bytes of UTF-8; the directory bucket holds itself to it too. */
const KEY_BYTES_MAX = 1024
const SEGMENT_BYTES_MAX = 255
/** S3 takes them, but its listings are XML and cannot show them. */
const CONTROL = /\p{Cc}/u
/** Objects under construction in a directory bucket; no key may look like one. */
export const TEMPORARY = '.drover-tmp-'

/**
 * Refuses keys that one of the two buckets could not hold or that would leave the bucket: so a checkpoint that fits
 * the local directory fits S3 too. Throws kind `denied`.
 */
export function checkKey(key: string): string {
  const mistake = keyMistake(key)
  if (mistake) throw new BucketError('denied', `object key ${JSON.stringify(key.slice(0, 200))} ${mistake}`)
  return key
}

/** Null when the key is good. */
export function keyMistake(key: string): string | null {
  if (key === '') return 'is empty'
  if (Buffer.byteLength(key) > KEY_BYTES_MAX) return `is longer than ${KEY_BYTES_MAX} bytes`
  if (CONTROL.test(key)) return 'holds a control character'
  if (!key.isWellFormed()) return 'is not valid Unicode'
  for (const segment of key.split('/')) {
    if (segment === '') return 'starts or ends with / or holds //'
    if (segment === '.' || segment === '..') return 'holds a . or .. segment'
    if (segment.startsWith(TEMPORARY)) return `holds a segment that starts with ${TEMPORARY}`
    if (Buffer.byteLength(segment) > SEGMENT_BYTES_MAX) return `holds a segment longer than ${SEGMENT_BYTES_MAX} bytes`
  }
  return null
}
