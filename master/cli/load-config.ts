import { open } from 'node:fs/promises'
import { stringify } from 'yaml'
import { TEXT_MAX } from '../../protocol/words/config/scan-text.ts'
import type { Findings } from '../../protocol/words/config/findings.ts'
import { isMapping } from '../../protocol/words/config/fields.ts'
import { layUnder } from '../../protocol/words/config/layers.ts'
import { setPath } from '../../protocol/words/config/merge-values.ts'
import { readDocument } from '../../protocol/words/config/read-document.ts'
import type { ConfigMistake, ExperimentConfig } from '../../protocol/words/experiment-config.ts'
import { parseExperimentConfig } from '../../protocol/words/parse-experiment-config.ts'
import { CliError, EXIT } from './fail.ts'

export interface CheckedConfig {
  ok: boolean
  /** what is sent to the master: the file itself, or the merged document */
  text: string
  config: ExperimentConfig | null
  errors: ConfigMistake[]
  warnings: ConfigMistake[]
}

/** Reads, merges and checks: later files lie under the first, `key=value` overrides lie over it. */
export async function loadConfig(files: readonly string[], overrides: readonly string[] = []): Promise<CheckedConfig> {
  const texts = await Promise.all(files.map(readText))
  const [only = ''] = texts
  if (texts.length <= 1 && overrides.length === 0) return checked(only)
  const found: Findings = { errors: [], warnings: [] }
  const values = texts.map((text, index) => documentOf(found, files[index] ?? '', text))
  if (found.errors.length > 0) return { ok: false, text: only, config: null, errors: found.errors, warnings: [] }
  const [first = {}, ...below] = values
  const merged: Record<string, unknown> = { ...below.reduce<Readonly<Record<string, unknown>>>(layUnder, first) }
  for (const override of overrides) applyOverride(merged, override)
  return checked(stringify(merged, { aliasDuplicateObjects: false }))
}

function checked(text: string): CheckedConfig {
  const parsed = parseExperimentConfig(text)
  return { ok: parsed.ok, text, config: parsed.ok ? parsed.config : null, errors: parsed.ok ? [] : parsed.errors, warnings: parsed.warnings }
}

function documentOf(found: Findings, file: string, text: string): Record<string, unknown> {
  const own: Findings = { errors: [], warnings: [] }
  const value = readDocument(text, own)
  found.errors.push(...own.errors.map(({ path, message }) => ({ path, message: `${file}: ${message}` })))
  if (value !== undefined && value !== null && !isMapping(value)) found.errors.push({ path: '', message: `${file}: a map is needed` })
  return isMapping(value) ? value : {}
}

function applyOverride(config: Record<string, unknown>, override: string): void {
  const sign = override.indexOf('=')
  const found: Findings = { errors: [], warnings: [] }
  const value = sign > 0 ? readDocument(override.slice(sign + 1), found) : undefined
  const mistake = sign <= 0 ? 'has no "="' : (found.errors[0]?.message ?? setPath(config, override.slice(0, sign).split('.'), value ?? null))
  if (mistake !== null) throw new CliError(EXIT.usage, `--config ${JSON.stringify(override)}: ${mistake}`, 'write it as --config resources.slots_per_trial=2')
}

/** Never more than the parser takes and one byte: a device or a huge file must not fill the memory. */
async function readText(path: string): Promise<string> {
  try {
    const file = await open(path, 'r')
    try {
      const bytes = Buffer.alloc(TEXT_MAX + 1)
      let at = 0
      for (;;) {
        const { bytesRead } = await file.read(bytes, at, bytes.length - at, null)
        at += bytesRead
        if (bytesRead === 0 || at === bytes.length) break
      }
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, at))
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof TypeError) throw new CliError(EXIT.failed, `${path} is no text in UTF-8`, 'name a YAML or JSON file')
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown fault'
    throw new CliError(EXIT.failed, `cannot read ${path}: ${code === 'ENOENT' ? 'it does not exist' : code === 'EISDIR' ? 'it is a directory' : code}`, 'name a YAML or JSON file')
  }
}
