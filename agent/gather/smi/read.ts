import { nameOf, readCsv, readHeaderless, splitCsv, splitHeaderless, type CsvText } from './csv.ts'
import { failureOf, type Failure } from './failure.ts'
import { readIndented } from './indented.ts'
import { isKernelLine, readKernelLog, type KernelLog } from './kernel-log.ts'
import { isListLine, readList } from './list.ts'
import type { Gpu, Listing } from './listing.ts'
import { readLog } from './log-listing.ts'
import { isNvLinkLine, readNvLink, type NvLinkGpu } from './nvlink.ts'
import { isTableLine, readTable, type Table } from './table.ts'
import { isTopologyHead, readTopology, type Topology } from './topology.ts'
import { readVersions, type Versions } from './versions.ts'
import { readXml } from './xml.ts'

/** What a text turned out to be. `nothing` says what was seen instead. */
export type Reading =
  | { kind: 'xml' | 'q' | 'list'; listing: Listing }
  | { kind: 'csv' | 'csv-lines'; listing: Listing; csv: CsvText }
  | { kind: 'csv-noheader'; rows: string[][]; gpus: Gpu[]; notes: string[] }
  | { kind: 'apps'; header: string[]; rows: string[][]; notes: string[] }
  | { kind: 'table'; listing: Listing; table: Table }
  | { kind: 'topo'; topology: Topology; ansi: boolean }
  | { kind: 'nvlink'; gpus: NvLinkGpu[]; mig: boolean }
  | { kind: 'version'; versions: Versions }
  | { kind: 'kernel'; kernel: KernelLog }
  | { kind: 'error'; lines: string[]; failure: Failure }
  | { kind: 'nothing'; saw: string }

/** But for CSV and XML no line is ever as long; a bound for patterns that look back. */
const LINE_MAX = 4096
const ERROR_LINES_MAX = 40
const ANSI = /\u001b\[[0-9;]*[A-Za-z]/g

/** Reads any output of nvidia-smi, known by its content alone: BOM, CRLF, escapes and foreign lines before it do no harm. */
export function readSmi(raw: string): Reading {
  const text = raw.replace(/^\ufeff/, '').replaceAll(/\r\n?/g, '\n').replaceAll(ANSI, '').replaceAll('\u0000', '')
  const lines = text.split('\n').map((line) => line.slice(0, LINE_MAX))
  return readMarked(text, lines, raw) ?? readCsvOf(text) ?? readFailure(text, lines) ?? readRows(text) ?? { kind: 'nothing', saw: sawOf(text, lines) }
}

/** Formats that have a mark of their own. */
function readMarked(text: string, lines: string[], raw: string): Reading | null {
  if (/^[ \t]*(<\?xml[^>]*>\s*)?(<!DOCTYPE nvidia_smi_log[^>]*>\s*)?(<nvidia_smi_log[\s>]|<gpu(\s[^>]*\bid\s*=|>\s*(<|$)))/m.test(text)) return { kind: 'xml', listing: readLog(readXml(text.slice(xmlStart(text))), 'xml') }
  if (lines.some((line) => /=NVSMI LOG=/.test(line) || /^\s*GPU\s?[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]\s*$/i.test(line))) return { kind: 'q', listing: readLog(readIndented(lines.join('\n')), 'q') }
  if (lines.some(isTableLine)) {
    const table = readTable(lines.join('\n'))
    return { kind: 'table', listing: table.listing, table }
  }
  if (lines.some(isNvLinkLine) && lines.some(isListLine)) return { kind: 'nvlink', gpus: readNvLink(lines.join('\n')), mig: /not supported for devices in MIG mode/i.test(text) }
  if (lines.some(isListLine)) return { kind: 'list', listing: readList(lines.join('\n')) }
  const topology = lines.some(isTopologyHead) ? readTopology(lines.join('\n')) : null
  if (topology !== null) return { kind: 'topo', topology, ansi: raw.includes('\u001b[') }
  const versions = readVersions(lines.join('\n'))
  if (versions !== null) return { kind: 'version', versions }
  const kernel = lines.some(isKernelLine) ? readKernelLog(lines.join('\n')) : null
  return kernel === null ? null : { kind: 'kernel', kernel }
}

/** The declaration where there is one, so that what a wrapper said before it stays outside. */
function xmlStart(text: string): number {
  return Math.max(0, text.search(/^[ \t]*(<\?xml|<!DOCTYPE nvidia|<nvidia_smi_log|<gpu)/m))
}

function readCsvOf(text: string): Reading | null {
  const csv = splitCsv(text)
  if (csv === null) return null
  const [first] = csv.blocks
  const names = first?.header.map(nameOf) ?? []
  if (first !== undefined && (names.includes('pid') || names.includes('process_name'))) return { kind: 'apps', header: first.header, rows: csv.blocks.flatMap((block) => block.rows), notes: csv.notes }
  const listing = readCsv(csv)
  // a header and an error below it: the error is what was said
  if (listing.gpus.length === 0 && failureOf(text) !== null) return null
  return { kind: csv.blocks.length > 1 ? 'csv-lines' : 'csv', listing, csv }
}

function readFailure(text: string, lines: string[]): Reading | null {
  // a long text that quotes an error is no error
  const failure = lines.filter((line) => line.trim() !== '').length > ERROR_LINES_MAX ? null : failureOf(lines.join('\n'))
  const headerless = failure === null ? null : splitHeaderless(text)
  if (failure === null || (headerless !== null && headerless.rows.length > headerless.notes.length)) return null
  const said = lines.map((line) => line.trimEnd())
  while (said.at(-1) === '') said.pop()
  return { kind: 'error', lines: said, failure }
}

function readRows(text: string): Reading | null {
  const found = splitHeaderless(text)
  return found === null ? null : { kind: 'csv-noheader', rows: found.rows, gpus: readHeaderless(found.rows), notes: found.notes }
}

function sawOf(text: string, lines: string[]): string {
  const first = lines.find((line) => line.trim() !== '')
  if (first === undefined) return 'nothing at all: the output is empty'
  const kind = /^\s*[[{]/.test(text) ? 'JSON' : /^\s*<(!DOCTYPE html|html)/i.test(text) ? 'an HTML page' : /^\s*</.test(text) ? 'XML without a GPU' : /[\u0001-\u0008\u000e-\u001a]/.test(text) ? 'binary data' : 'a text'
  return `${kind} of ${lines.length} line${lines.length === 1 ? '' : 's'} that begins ${JSON.stringify(first.trim().slice(0, 80))}`
}
