import { versionOf } from './cell.ts'

export interface Versions {
  driver: string | null
  cuda: string | null
  /** as printed */
  lines: Record<string, string>
}

const LINE = /^\s*((?:NVIDIA-SMI|NVML|DRIVER|CUDA|KMD|CUDA UMD) version)\s*:\s*(.*?)\s*$/i

/** `nvidia-smi --version`; from driver 610 on the old lines only point to the new ones. Null where no line is one. */
export function readVersions(text: string): Versions | null {
  const lines: Record<string, string> = {}
  for (const line of text.split('\n')) {
    const match = LINE.exec(line)
    if (match?.[1] !== undefined) lines[match[1]] = match[2] ?? ''
  }
  if (!Object.keys(lines).some((key) => /^(nvidia-smi|nvml) version$/i.test(key))) return null
  const first = (...keys: string[]): string | null => {
    for (const key of keys) {
      const found = Object.entries(lines).find(([name]) => name.toLowerCase() === key)
      const version = versionOf(found?.[1] ?? null)
      if (version !== null) return version
    }
    return null
  }
  return { driver: first('kmd version', 'driver version'), cuda: first('cuda umd version', 'cuda version'), lines }
}
