import { busOf, numberOf, textOf, uuidOf, yesOf, type Unit } from './cell.ts'
import { eccCounts } from './ecc.ts'
import { sayingOf, type Field, type Said } from './fields.ts'
import type { Gpu, Trouble } from './listing.ts'
import { throttleReasons } from './throttle.ts'

export interface ReadOptions {
  /** where the output has no index: the place in the listing */
  place: number
  /** this output writes units, so that a number without one was cut */
  units: boolean
}

/** One GPU from what one output says of it; nothing is guessed. */
export function readGpu(said: Said, options: ReadOptions): Gpu {
  const trouble: Trouble[] = []
  const text = (field: Field): string | null => textOf(sayingOf(said, field), field, trouble)
  const number = (field: Field, unit: Unit): number | null => numberOf(sayingOf(said, field), unit, field, trouble, options.units)
  const count = (field: Field): number | null => numberOf(sayingOf(said, field), '', field, trouble)
  const yes = (field: Field): boolean | null => yesOf(sayingOf(said, field), field, trouble)
  return {
    index: count('index') ?? options.place,
    uuid: uuidOf(sayingOf(said, 'uuid'), trouble),
    name: text('name'),
    serial: text('serial'),
    pciBusId: busOf(sayingOf(said, 'pciBusId'), trouble),
    minorNumber: count('minorNumber'),
    driverModel: text('driverModel'),
    memory: { totalMib: number('memory.total', 'MiB'), usedMib: number('memory.used', 'MiB'), freeMib: number('memory.free', 'MiB'), reservedMib: number('memory.reserved', 'MiB') },
    utilization: { gpuPct: number('utilization.gpu', '%'), memoryPct: number('utilization.memory', '%') },
    temperature: temperatures(said, trouble),
    power: { drawW: number('power.draw', 'W'), limitW: number('power.limit', 'W'), maxLimitW: number('power.maxLimit', 'W') },
    fanPct: number('fan', '%'),
    performanceState: text('performanceState'),
    clocks: {
      graphicsMhz: number('clocks.graphics', 'MHz'), smMhz: number('clocks.sm', 'MHz'), memoryMhz: number('clocks.memory', 'MHz'),
      maxGraphicsMhz: number('clocks.maxGraphics', 'MHz'), maxSmMhz: number('clocks.maxSm', 'MHz'), maxMemoryMhz: number('clocks.maxMemory', 'MHz'),
    },
    throttle: throttleReasons(said, trouble),
    ecc: { mode: text('ecc.mode'), pending: text('ecc.pending'), volatile: eccCounts(said, 'volatile', trouble), aggregate: eccCounts(said, 'aggregate', trouble) },
    retiredPages: { singleBit: count('retiredPages.singleBit'), doubleBit: count('retiredPages.doubleBit'), pending: yes('retiredPages.pending') },
    remappedRows: { correctable: count('remappedRows.correctable'), uncorrectable: count('remappedRows.uncorrectable'), pending: yes('remappedRows.pending'), failure: yes('remappedRows.failure') },
    // `None` is an answer here: the driver advises nothing
    recoveryAction: sayingOf(said, 'recoveryAction')?.trim() === 'None' ? 'None' : text('recoveryAction'),
    resetRequired: yes('resetRequired'),
    pcie: { generation: count('pcie.generation'), maxGeneration: count('pcie.maxGeneration'), width: count('pcie.width'), maxWidth: count('pcie.maxWidth'), replays: count('pcie.replays') },
    fabric: { state: text('fabric.state'), status: text('fabric.status') },
    mig: { mode: text('mig.mode'), pending: text('mig.pending'), devices: [] },
    processes: null,
    trouble,
  }
}

/** `--query-gpu` writes them without a unit, `-q` and XML with one: what a cut number could lack cannot be told by it. */
function temperatures(said: Said, trouble: Trouble[]): Gpu['temperature'] {
  const celsius = (field: Field): number | null => numberOf(sayingOf(said, field), 'C', field, trouble)
  return { gpuC: celsius('temperature.gpu'), memoryC: celsius('temperature.memory'), slowdownC: celsius('temperature.slowdown'), shutdownC: celsius('temperature.shutdown') }
}
