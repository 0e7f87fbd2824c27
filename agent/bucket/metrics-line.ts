import { isRecord, parseLenientJson, withoutNul } from '../gateway/lenient-json.ts'

export interface MetricsReport {
  group: string
  steps: number
  values: Record<string, unknown>
}

/** `report` is absent on a line that only tells progress. */
export type MetricsLine = { ok: true; report: MetricsReport | null; progress: number | null } | { ok: false; error: string }

const GROUP_MAX = 128

/** One line of DROVER_METRICS_FILE: `{"steps": 100, "group": "training", "values": {...}, "progress": 0.5}`. */
export function parseMetricsLine(line: string): MetricsLine {
  let value: unknown
  try {
    value = parseLenientJson(line)
  } catch (error) {
    return bad(`it is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : 'unreadable'}`)
  }
  if (!isRecord(value)) return bad('it must be a JSON object, as in {"steps": 100, "values": {"loss": 0.5}}')
  const progress = value['progress'] ?? null
  if (progress !== null && (typeof progress !== 'number' || progress < 0 || progress > 1)) return bad(`"progress" must be a number from 0 to 1, not ${shown(progress)}`)
  if (value['values'] === undefined && value['steps'] === undefined && progress !== null) return { ok: true, report: null, progress }
  return withReport(value, progress)
}

function withReport(value: Record<string, unknown>, progress: number | null): MetricsLine {
  const { steps, group = 'training', values } = value
  if (typeof steps !== 'number' || !Number.isSafeInteger(steps) || steps < 0) return bad(`"steps" must be a whole number of at least 0, not ${shown(steps)}`)
  if (typeof group !== 'string' || group === '' || group.length > GROUP_MAX) return bad(`"group" must be text of 1 to ${GROUP_MAX} characters, not ${shown(group)}`)
  if (!isRecord(values)) return bad(`"values" must be an object of metric names and values, not ${shown(values)}`)
  return { ok: true, report: { group: withoutNul(group), steps, values }, progress }
}

function bad(error: string): MetricsLine {
  return { ok: false, error }
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80)
}
