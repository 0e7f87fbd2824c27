/** Lines of the kernel log about GPUs; the number of lines for each error and device. */
export interface KernelLog {
  lines: number
  xids: { xid: number; pci: string; lines: number }[]
  sxids: { sxid: number; pci: string; lines: number }[]
  /** said in words, with or without an Xid */
  fallenOffBus: boolean
}

/** `GPU-I:05`: the GPU instance, where it was a MIG device. */
const XID = /NVRM: (?:GPU [^X]*)?Xid \((?:PCI:)?([0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-9a-fA-F])?)(?: GPU-[IC]:[0-9a-fA-F]+)*\): (\d{1,4})\b/
const SXID = /SXid \(PCI:([0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-9a-fA-F])?)\): (\d{1,6})\b/

/** By its beginning: a time, `kernel:`, a bracket, or nothing before the driver's name. */
export function isKernelLine(line: string): boolean {
  return /^\s*(?:.{0,120}?(?:\[|\d\d:\d\d:\d\d|kernel: |kern\b).{0,100}?)?(?:NVRM: |nvidia-nvswitch\d*: |nvidia-modeset: |nvidia [0-9a-f]{4}:)/i.test(line)
}

/** Null where no line is of the NVIDIA driver. */
export function readKernelLog(text: string): KernelLog | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (!lines.some(isKernelLine)) return null
  return {
    lines: lines.length,
    xids: counted(lines, XID).map(({ code, pci, lines }) => ({ xid: code, pci, lines })),
    sxids: counted(lines, SXID).map(({ code, pci, lines }) => ({ sxid: code, pci, lines })),
    fallenOffBus: /fallen off the bus/.test(text),
  }
}

function counted(lines: string[], pattern: RegExp): { code: number; pci: string; lines: number }[] {
  const found = new Map<string, { code: number; pci: string; lines: number }>()
  for (const line of lines) {
    const match = pattern.exec(line)
    if (match?.[1] === undefined || match[2] === undefined) continue
    const key = `${match[2]} ${match[1]}`
    const before = found.get(key)
    if (before === undefined) found.set(key, { code: Number(match[2]), pci: match[1], lines: 1 })
    else before.lines += 1
  }
  return [...found.values()].sort((a, b) => a.code - b.code || (a.pci < b.pci ? -1 : a.pci > b.pci ? 1 : 0))
}
