import { DockerError } from './errors.ts'

const DOMAIN = '[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?'
const PART = '[a-z0-9]+(?:(?:[.]|_{1,2}|-+)[a-z0-9]+)*'
const REFERENCE = new RegExp(`^(?:${DOMAIN}/)?${PART}(?:/${PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$`)
const LENGTH_MAX = 512

/**
 * Throws kind `invalid` for what is no image reference. The name is the user's and becomes part of a path of the API:
 * `..` would lead to another call, and an empty one makes the client fail outside of any promise.
 */
export function checkImageName(image: string): void {
  if (image.length <= LENGTH_MAX && (REFERENCE.test(image) || /^sha256:[0-9a-f]{64}$/.test(image))) return
  throw new DockerError('invalid', 'invalid reference format')
}
