/** Why nvidia-smi gave no list, in words for people. `kind` is stable. */
export interface Failure {
  kind: 'driver-not-loaded' | 'library-mismatch' | 'library-missing' | 'no-devices' | 'gpu-lost' | 'device-handle' | 'no-permission' | 'nvml-unknown' | 'nvml' | 'reset-failed' | 'infoROM' | 'bad-question' | 'not-installed' | 'other'
  what: string
  /** the line that said so */
  line: string
}

const KNOWN: [RegExp, Failure['kind'], string][] = [
  [/couldn'?t communicate with the NVIDIA driver|NVIDIA driver is not loaded|Driver Not Loaded/i, 'driver-not-loaded', 'the NVIDIA driver is not loaded: install it, or load it with `modprobe nvidia`'],
  [/Driver\/library version mismatch/i, 'library-mismatch', 'the driver in the kernel and its library differ, as after an upgrade: reboot'],
  [/couldn'?t find libnvidia-ml|NVML Shared Library Not Found/i, 'library-missing', 'libnvidia-ml.so, a part of the driver, is not to be found: install the driver, in a container use the NVIDIA runtime'],
  [/No devices were found|No CUDA-capable device|No supported GPUs were found/i, 'no-devices', 'the driver runs and finds no GPU: see the kernel log'],
  [/GPU is lost|fallen off the bus/i, 'gpu-lost', 'a GPU is lost, usually fallen off the bus: replace the instance'],
  [/Unable to determine the device handle/i, 'device-handle', 'a GPU does not answer the driver: see the kernel log, replace the instance'],
  [/Insufficient Permissions|No permission/i, 'no-permission', 'permission is missing: run as root, see SELinux'],
  [/Failed to initialize NVML: Unknown Error/i, 'nvml-unknown', 'NVML does not start; a container may have lost its devices after `systemctl daemon-reload`: restart it'],
  [/Failed to initialize NVML/i, 'nvml', 'NVML does not start'],
  [/could not be reset|Resetting GPU .* (failed|is not supported)/i, 'reset-failed', 'a GPU could not be reset'],
  [/infoROM is corrupted/i, 'infoROM', 'the infoROM of a GPU is corrupted'],
  [/nvidia-smi['"]?: (command )?not found|nvidia-smi['"]? is not recognized|nvidia-smi['"]?: No such file/i, 'not-installed', 'there is no nvidia-smi: install the NVIDIA driver'],
  [/is not a valid (field|option)|Field ".*" is not|Invalid combination of input arguments|Option .* is not recognized/i, 'bad-question', 'this nvidia-smi does not know what it was asked'],
  [/^\s*(ERROR|Error|Failed|Unable|Couldn't|Could not)\b.*\b(NVIDIA|NVML|GPUs?|nvidia-smi|device handle)\b/, 'other', 'nvidia-smi reports an error that is not known here'],
]

/** Null where nothing known is said. What is higher in the table counts more: a lost GPU also gives an unknown handle. */
export function failureOf(text: string): Failure | null {
  for (const [pattern, kind, what] of KNOWN) {
    const line = text.split('\n').find((each) => pattern.test(each))
    if (line !== undefined) return { kind, what, line: line.trim().slice(0, 500) }
  }
  return null
}
