import type { ExperimentConfig } from '../experiment-config.ts'
import { isMapping, readFlag, readList, readMap, readText } from './fields.ts'
import { addError, addWarning, at, quote, under } from './findings.ts'
import type { Findings } from './findings.ts'

export const DEFAULT_IMAGE = 'determinedai/pytorch-ngc-dev:0736b6d'

type Environment = ExperimentConfig['environment']
const KINDS = ['cpu', 'cuda', 'rocm'] as const
const WITHOUT = ['ports', 'proxy_ports', 'add_capabilities', 'drop_capabilities', 'pod_spec', 'registry_auth', 'slurm', 'pbs']

export function readEnvironment(found: Findings, path: string, value: unknown): Environment {
  const fields = readMap(found, path, value, ['image', 'environment_variables', 'force_pull_image'], WITHOUT)
  return {
    image: readImage(found, under(path, 'image'), fields['image']),
    environment_variables: readVariables(found, under(path, 'environment_variables'), fields['environment_variables']),
    force_pull_image: readFlag(found, under(path, 'force_pull_image'), fields['force_pull_image'], false),
  }
}

/** One string names the image of every kind. */
function readImage(found: Findings, path: string, value: unknown): Environment['image'] {
  if (!isMapping(value)) {
    const image = imageText(found, path, value)
    return { cpu: image, cuda: image, rocm: image }
  }
  const fields = readMap(found, path, withoutGpu(found, path, value), KINDS)
  const [cpu = DEFAULT_IMAGE, cuda = DEFAULT_IMAGE, rocm = DEFAULT_IMAGE] = KINDS.map((kind) => imageText(found, under(path, kind), fields[kind]))
  return { cpu, cuda, rocm }
}

function imageText(found: Findings, path: string, value: unknown): string {
  return readText(found, path, value, DEFAULT_IMAGE, { max: 1024, pattern: /^[A-Za-z0-9][^\s]*$/, shape: 'an image name such as "python:3.12" is needed' })
}

function readVariables(found: Findings, path: string, value: unknown): Environment['environment_variables'] {
  if (!isMapping(value)) {
    const all = variableList(found, path, value)
    return { cpu: all, cuda: all, rocm: all }
  }
  const fields = readMap(found, path, withoutGpu(found, path, value), KINDS)
  const [cpu = [], cuda = [], rocm = []] = KINDS.map((kind) => variableList(found, under(path, kind), fields[kind]))
  return { cpu, cuda, rocm }
}

function variableList(found: Findings, path: string, value: unknown): string[] {
  const entries = readList(found, path, value, 1000, 'KEY=value entries')
  return entries.map((entry, index) => variable(found, at(path, index), entry)).filter((entry) => entry !== '')
}

/** The value may hold anything but NUL, new lines included; only the name is narrow. */
function variable(found: Findings, path: string, value: unknown): string {
  const text = readText(found, path, value, '', { max: 131_072, multiline: true, pattern: /^[^=\s]+(=|$)/, shape: 'KEY=value or KEY is needed' })
  const [name = ''] = text.split('=', 1)
  if (/^(DET|DROVER)_/.test(name)) addWarning(found, path, `${quote(name)} is set by Drover wherever it has a value of its own; that value wins`)
  return text
}

/** Old name of `cuda`. */
function withoutGpu(found: Findings, path: string, value: Record<string, unknown>): Record<string, unknown> {
  if (!Object.hasOwn(value, 'gpu')) return value
  const { gpu, ...rest } = value
  if (Object.hasOwn(rest, 'cuda')) addError(found, under(path, 'gpu'), 'is the old name of "cuda", which is given too; keep "cuda"')
  return { ...rest, cuda: rest['cuda'] ?? gpu }
}
