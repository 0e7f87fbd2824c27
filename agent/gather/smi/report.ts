import { nameOf, type CsvText } from './csv.ts'
import type { Gpu, Listing } from './listing.ts'
import type { Reading } from './read.ts'

/** A file of many outputs has a great many lines that belong to no GPU. */
const NOTES_MAX = 50

type Json = Record<string, unknown>

/** What `drover-agent gpus` prints: short and flat for programs, `details` with everything that was read. */
export function reportOf(reading: Exclude<Reading, { kind: 'nothing' }>): Json {
  switch (reading.kind) {
    case 'xml':
    case 'q':
      return logReport(reading.kind, reading.listing)
    case 'list':
      return { ...headOf('list', reading.listing), gpus: reading.listing.gpus.map(listGpu), ...tailOf(reading.listing) }
    case 'table':
      return {
        ...headOf('table', reading.listing), nvidiaSmiVersion: reading.table.smiVersion,
        gpus: reading.table.rows.map(({ gpu, printedName, errors }) => ({
          index: gpu.index, nameAsPrinted: printedName, pciBusId: gpu.pciBusId, memoryUsedMiB: gpu.memory.usedMib, memoryTotalMiB: gpu.memory.totalMib, migMode: gpu.mig.mode, errFields: errors,
        })),
        ...tailOf(reading.listing),
      }
    case 'csv':
      return { ...headOf('csv', reading.listing), attachedGpus: null, columns: reading.csv.blocks[0]?.header.length ?? 0, gpus: reading.listing.gpus.map((gpu, place) => csvGpu(gpu, reading.csv, place)), ...tailOf(reading.listing) }
    case 'csv-lines':
      return { ...headOf('csv-lines', reading.listing), fields: reading.csv.blocks.length, gpus: reading.listing.gpus.map(csvLinesGpu), notSupported: cellsSaying(reading.csv, /^\[?Not Supported\]?$/i), ...tailOf(reading.listing) }
    case 'csv-noheader':
      return { format: reading.kind, rows: reading.rows, notes: reading.notes, details: reading.gpus }
    case 'apps':
      return appsReport(reading.header, reading.rows, reading.notes)
    case 'topo':
      return { format: reading.kind, gpuColumns: reading.topology.gpus, nicColumns: reading.topology.nics, gpuRows: reading.topology.gpuRows, hasAnsiEscapes: reading.ansi, details: { paths: reading.topology.paths, affinity: reading.topology.affinity } }
    case 'nvlink': {
      const links = reading.gpus.flatMap((gpu) => gpu.links)
      return {
        format: reading.kind, gpus: reading.gpus.map((gpu) => ({ index: gpu.index, name: gpu.name, uuid: gpu.uuid })), linkLines: links.length,
        inactiveLinks: links.filter((link) => !link.active && link.gbPerSecond === null).length, notSupportedMig: reading.mig, details: reading.gpus,
      }
    }
    case 'version':
      return { format: reading.kind, lines: reading.versions.lines, driverVersion: reading.versions.driver, cudaVersion: reading.versions.cuda }
    case 'kernel':
      return { format: reading.kind, ...reading.kernel }
    case 'error':
      return { format: reading.kind, gpus: [], text: reading.lines, failure: reading.failure }
  }
}

function logReport(format: 'xml' | 'q', listing: Listing): Json {
  return { ...headOf(format, listing), gpus: listing.gpus.map((gpu) => logGpu(gpu, format)), ...tailOf(listing) }
}

/** Of each process what names it and what it holds; the rest of the columns in `details`. */
function appsReport(header: string[], rows: string[][], notes: string[]): Json {
  const keyed = rows.map((row) => Object.fromEntries(header.map((cell, column) => [cell, row[column] ?? null])))
  const processes = keyed.map((row) => Object.fromEntries(Object.entries(row).filter(([cell]) => /^(pid|process_name|name|used_(gpu_)?memory|gpu_uuid)$/.test(nameOf(cell)))))
  return { format: 'apps', rows: rows.length, processes, notes, details: keyed }
}

function headOf(format: string, listing: Listing): Json {
  return { format, driverVersion: listing.driver, cudaVersion: listing.cuda ?? listing.cudaSaid, attachedGpus: listing.attached }
}

function tailOf(listing: Listing): Json {
  return { notes: listing.notes.slice(0, NOTES_MAX), trouble: listing.trouble, details: listing.gpus }
}

function logGpu(gpu: Gpu, format: 'xml' | 'q'): Json {
  const retired = gpu.retiredPages
  return {
    index: gpu.index, uuid: gpu.uuid, name: gpu.name, memoryTotalMiB: gpu.memory.totalMib, memoryUsedMiB: gpu.memory.usedMib, migMode: gpu.mig.mode,
    pciBusId: gpu.pciBusId, serial: gpu.serial, minorNumber: gpu.minorNumber, eccMode: gpu.ecc.mode, gpuUtilizationPct: gpu.utilization.gpuPct, processes: gpu.processes ?? 0,
    migDevices: gpu.mig.devices.map((device) => ({ index: device.index, gpuInstanceId: device.gpuInstanceId, computeInstanceId: device.computeInstanceId, memoryTotalMiB: device.memoryTotalMib })),
    ...(gpu.driverModel === null ? {} : { driverModel: gpu.driverModel }),
    ...(format === 'q' && retired.singleBit !== null ? { retiredPagesPending: retired.pending === null ? null : retired.pending ? 'Yes' : 'No', retiredPagesDoubleBit: retired.doubleBit, retiredPagesSingleBit: retired.singleBit } : {}),
  }
}

function listGpu(gpu: Gpu): Json {
  return { index: gpu.index, name: gpu.name, uuid: gpu.uuid, migDevices: gpu.mig.devices.map((device) => ({ index: device.index, profile: device.profile, uuid: device.uuid })), migMode: gpu.mig.mode }
}

function csvLinesGpu(gpu: Gpu): Json {
  return { index: gpu.index, uuid: gpu.uuid, name: gpu.name, memoryTotalMiB: gpu.memory.totalMib, migMode: gpu.mig.mode, pciBusId: gpu.pciBusId, serial: gpu.serial }
}

function csvGpu(gpu: Gpu, csv: CsvText, place: number): Json {
  const block = csv.blocks[0]
  const column = block?.header.findIndex((cell) => nameOf(cell) === 'memory.total') ?? -1
  return {
    index: gpu.index, uuid: gpu.uuid, name: gpu.name, memoryTotalMiB: gpu.memory.totalMib, memoryTotalRaw: block?.rows[place]?.[column] ?? null, memoryUsedMiB: gpu.memory.usedMib,
    migMode: gpu.mig.mode, pciBusId: gpu.pciBusId, serial: gpu.serial, eccMode: gpu.ecc.mode, gpuUtilizationPct: gpu.utilization.gpuPct,
  }
}

function cellsSaying(csv: CsvText, pattern: RegExp): number {
  return csv.blocks.flatMap((block) => block.rows.flat()).filter((cell) => pattern.test(cell)).length
}
