import { isAbsent, numberOf } from './cell.ts'
import type { Said } from './fields.ts'
import type { EccCounts, Trouble } from './listing.ts'

type Span = 'volatile' | 'aggregate'

/** Since 2020 told by kind of memory; SRAM in one count or, from driver 535 on, in two. Every part of one way must be there. */
const PARTS = {
  corrected: [['sram_correctable', 'dram_correctable']],
  uncorrected: [
    ['sram_uncorrectable', 'dram_uncorrectable'],
    ['sram_uncorrectable_parity', 'sram_uncorrectable_secded', 'dram_uncorrectable'],
    ['sram_uncorrectable_parity', 'sram_uncorrectable_sec_ded', 'dram_uncorrectable'],
  ],
} as const

/** Counts since the driver was loaded (volatile) or in the life of the GPU (aggregate), over the ways in which they were ever printed. */
export function eccCounts(said: Said, span: Span, trouble: Trouble[]): EccCounts {
  const told = (what: keyof typeof PARTS, bits: string): number | null => {
    const ways = [[`ecc.errors.${what}.${span}.total`], [`ecc_errors.${span}.${bits}.total`], ...PARTS[what].map((parts) => parts.map((part) => `ecc_errors.${span}.${part}`))]
    return firstTold(said, `ecc.${span}.${what}`, trouble, ways)
  }
  return { corrected: told('corrected', 'single_bit'), uncorrected: told('uncorrected', 'double_bit') }
}

/** The first way of which all is there and anything told, added up: a part that is not supported counts as none, one that could not be read spoils the sum. */
function firstTold(said: Said, field: string, trouble: Trouble[], ways: string[][]): number | null {
  for (const way of ways) {
    const values = way.map((name) => said.get(name))
    const told = values.filter((value) => value !== undefined && !isAbsent(value))
    if (values.includes(undefined) || told.length === 0) continue
    const numbers = told.map((value) => numberOf(value ?? null, '', field, trouble))
    return numbers.reduce((sum, each) => (sum === null || each === null ? null : sum + each), 0)
  }
  return null
}
