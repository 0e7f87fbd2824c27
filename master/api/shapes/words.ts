/** `38 s`, `3 min 07 s`, `5 h 02 min`, `3 d 4 h`: at most two units. */
export function spanText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${pad(whole % 60)} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${pad(minutes % 60)} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** `$1.23`; below a cent as many digits as say something; an unknown price in words. */
export function dollarText(dollars: number | null): string {
  if (dollars === null) return 'an unknown sum (the price is not known)'
  return dollars !== 0 && Math.abs(dollars) < 0.01 ? `$${dollars.toPrecision(2)}` : `$${dollars.toFixed(2)}`
}

/** `2026-11-25 07:24:19Z`, to the second. */
export function momentText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
