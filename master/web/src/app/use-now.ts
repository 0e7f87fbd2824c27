import { useEffect, useState } from 'react'

/** The time in ms, renewed each `everyMs`; for ages and durations that grow on the page. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}
