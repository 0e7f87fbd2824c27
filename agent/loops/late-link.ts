import type { Link } from '../../protocol/link.ts'

/**
 * A link to be used before it stands: containers are adopted and served while NATS is away. A request made too early
 * fails like one that had no answer, and its maker tries again.
 */
export function lateLink(opening: Promise<Link>): Pick<Link, 'request'> {
  let link: Link | null = null
  void opening.then(
    (opened) => void (link = opened),
    () => undefined, // whoever opens the link reports that
  )
  return {
    request: (...args) => (link === null ? Promise.reject(new Error('NATS is not connected yet')) : link.request(...args)),
  }
}
