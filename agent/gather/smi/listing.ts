/** What nvidia-smi told, one shape for all its output formats. Units are in the names; null: not told, not supported, or not to be trusted. */

/** Something that was said where a value should be: `ERR!`, `GPU is lost`, a number that can be read in two ways. */
export interface Trouble {
  field: string
  said: string
}

export interface MigDevice {
  /** device number below its GPU */
  index: number
  uuid: string | null
  /** `3g.40gb`, `1g.10gb+me`, `1c.3g.20gb` */
  profile: string | null
  gpuInstanceId: number | null
  computeInstanceId: number | null
  memoryTotalMib: number | null
  memoryUsedMib: number | null
}

export interface EccCounts {
  corrected: number | null
  uncorrected: number | null
}

export interface Gpu {
  /** as printed; where the format has none, the place in the listing */
  index: number
  uuid: string | null
  /** a table cuts long names and ends them with `...` */
  name: string | null
  serial: string | null
  /** as printed: the domain has four or eight digits */
  pciBusId: string | null
  minorNumber: number | null
  /** WDDM, TCC; null on Linux */
  driverModel: string | null
  memory: { totalMib: number | null; usedMib: number | null; freeMib: number | null; reservedMib: number | null }
  utilization: { gpuPct: number | null; memoryPct: number | null }
  temperature: { gpuC: number | null; memoryC: number | null; slowdownC: number | null; shutdownC: number | null }
  power: { drawW: number | null; limitW: number | null; maxLimitW: number | null }
  fanPct: number | null
  performanceState: string | null
  clocks: { graphicsMhz: number | null; smMhz: number | null; memoryMhz: number | null; maxGraphicsMhz: number | null; maxSmMhz: number | null; maxMemoryMhz: number | null }
  /** reasons that are active (`sw_power_cap`, `hw_thermal_slowdown`, ...); null: not told */
  throttle: string[] | null
  ecc: { mode: string | null; pending: string | null; volatile: EccCounts; aggregate: EccCounts }
  retiredPages: { singleBit: number | null; doubleBit: number | null; pending: boolean | null }
  remappedRows: { correctable: number | null; uncorrectable: number | null; pending: boolean | null; failure: boolean | null }
  /** what the driver itself advises: `None`, `Reset`, `Reboot`, `Drain P2P`, ... */
  recoveryAction: string | null
  resetRequired: boolean | null
  pcie: { generation: number | null; maxGeneration: number | null; width: number | null; maxWidth: number | null; replays: number | null }
  fabric: { state: string | null; status: string | null }
  mig: { mode: string | null; pending: string | null; devices: MigDevice[] }
  /** processes on the GPU; null where the format does not list them */
  processes: number | null
  trouble: Trouble[]
}

export interface Listing {
  driver: string | null
  cuda: string | null
  /** what stands where the CUDA version should be (`Not Found`), when it is none */
  cudaSaid: string | null
  /** by the driver's own count; may be more than are listed */
  attached: number | null
  gpus: Gpu[]
  /** lines that belong to no GPU: warnings of a wrapper, errors of nvidia-smi */
  notes: string[]
  /** the text ends in the middle, or contradicts itself */
  trouble: Trouble[]
}
