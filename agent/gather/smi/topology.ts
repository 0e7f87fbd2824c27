/** How the path between two devices runs, from near to far; `NV<n>`: that many NVLinks. */
export type Path = string

export interface Topology {
  /** columns of the matrix, as printed: `GPU0` ... */
  gpus: string[]
  nics: string[]
  /** rows that are GPUs */
  gpuRows: string[]
  /** row -> column -> path; null where the text does not tell */
  paths: Record<string, Record<string, Path | null>>
  affinity: Record<string, { cpus: string | null; numa: string | null }>
}

/** GPUs, and network devices by number or by name: `mlx5_0`, `rdmap16s27`. */
const DEVICE = /^(GPU\d{1,4}|NIC\d{1,4}|[a-z][a-z0-9_]{2,31})$/
const PATH = /^(X|SYS|SOC|NODE|PHB|PXB|PIX|PIX\d|PSB|NV\d{1,3}|NVB\d*|C2C|N\/A|OK|NS|CNS|TNS)$/

export function isTopologyHead(line: string): boolean {
  const words = line.trim().split(/\s+/)
  return words[0] !== undefined && /^GPU\d+$/.test(words[0]) && ((words.length > 1 && words.every((word) => DEVICE.test(word))) || /CPU Affinity|NUMA Affinity/.test(line))
}

/** `nvidia-smi topo -m`, by tabs or, where they were lost, by blanks. Null where it has no matrix. */
export function readTopology(text: string): Topology | null {
  const lines = text.split('\n')
  const at = lines.findIndex(isTopologyHead)
  if (at < 0) return null
  const columns = (lines[at] ?? '').replace(/(CPU|NUMA) Affinity|GPU NUMA ID/g, '').trim().split(/\s+/).filter((word) => DEVICE.test(word))
  const found: Topology = { gpus: columns.filter((column) => column.startsWith('GPU')), nics: columns.filter((column) => !column.startsWith('GPU')), gpuRows: [], paths: {}, affinity: {} }
  for (const line of lines.slice(at + 1)) {
    const [row, ...cells] = line.trim().split(/\s+/)
    // the legend repeats names of paths and devices, each followed by = or :
    if (row === undefined || !DEVICE.test(row) || !PATH.test(cells[0] ?? '')) continue
    if (row.startsWith('GPU')) found.gpuRows.push(row)
    const paths: Record<string, Path | null> = {}
    columns.forEach((column, index) => {
      const cell = cells[index]
      paths[column] = cell !== undefined && PATH.test(cell) ? cell : null
    })
    found.paths[row] = paths
    if (row.startsWith('GPU')) found.affinity[row] = affinityOf(cells.slice(columns.length))
  }
  return found
}

function affinityOf(cells: string[]): { cpus: string | null; numa: string | null } {
  const told = (cell: string | undefined): string | null => (cell !== undefined && /^[\d,-]+$/.test(cell) ? cell : null)
  return { cpus: told(cells[0]), numa: told(cells[1]) }
}
