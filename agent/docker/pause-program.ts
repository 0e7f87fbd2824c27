/**
 * The whole program of a network sandbox: it waits for ever and costs two pages of memory. Written out here so that the
 * image needs no registry, no compiler and no file beside the agent. As first process of its namespaces it has nobody to
 * reap, and without a handler the kernel keeps every signal but SIGKILL from it, with which it is removed.
 */
interface Machine {
  /** e_machine of ELF */
  machine: number
  code: string
}

const MACHINES: Readonly<Record<string, Machine>> = {
  // 6a 22 push 34 (pause); 58 pop rax; 0f 05 syscall; eb f9 jmp to the push
  x64: { machine: 0x3e, code: '6a22580f05ebf9' },
  // pause does not exist on arm64, ppoll(NULL, 0, NULL, NULL) is the same wait:
  // mov x0, #0; mov x1, #0; mov x2, #0; mov x3, #0; mov x8, #73 (ppoll); svc #0; b to the first
  arm64: { machine: 0xb7, code: '000080d2010080d2020080d2030080d2280980d2010000d4faffff17' },
}

const HEADER_BYTES = 64
const SEGMENT_BYTES = 56
const LOAD_AT = 0x400000n
const PAGE = 0x10000n

/** A static ELF executable of one segment, for `process.arch`. Throws where Drover's agent does not run at all. */
export function pauseProgram(arch: string): Buffer {
  const machine = MACHINES[arch]
  if (machine === undefined) throw new Error(`there is no sandbox program for ${arch}: the agent runs on ${Object.keys(MACHINES).join(' and ')}`)
  const code = Buffer.from(machine.code, 'hex')
  const begin = HEADER_BYTES + SEGMENT_BYTES
  const elf = Buffer.alloc(begin + code.length)
  elf.write('\x7fELF', 'latin1')
  elf.set([2, 1, 1], 4) // 64 bit, little-endian, ELF version 1
  elf.writeUInt16LE(2, 16) // executable
  elf.writeUInt16LE(machine.machine, 18)
  elf.writeUInt32LE(1, 20) // version
  elf.writeBigUInt64LE(LOAD_AT + BigInt(begin), 24) // entry
  elf.writeBigUInt64LE(BigInt(HEADER_BYTES), 32) // where the segment's header is
  elf.writeUInt16LE(HEADER_BYTES, 52)
  elf.writeUInt16LE(SEGMENT_BYTES, 54)
  elf.writeUInt16LE(1, 56) // one segment: the file itself
  elf.writeUInt32LE(1, HEADER_BYTES) // to be loaded
  elf.writeUInt32LE(5, HEADER_BYTES + 4) // readable, executable
  elf.writeBigUInt64LE(LOAD_AT, HEADER_BYTES + 16)
  elf.writeBigUInt64LE(LOAD_AT, HEADER_BYTES + 24)
  elf.writeBigUInt64LE(BigInt(elf.length), HEADER_BYTES + 32)
  elf.writeBigUInt64LE(BigInt(elf.length), HEADER_BYTES + 40)
  elf.writeBigUInt64LE(PAGE, HEADER_BYTES + 48)
  code.copy(elf, begin)
  return elf
}
