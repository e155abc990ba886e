#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the loops of a cubin for sm_80 to sm_90 with how often each instruction stands in them.

    kernels/tornado/emulator/sass.py FILE.cubin...

For machines without nvdisasm. An instruction has 16 bytes; its lowest 12 bits are the operation, and a
branch has its distance in bits 16 to 23 and from 34 on, in words of 4 bytes behind the branch.
"""
import collections
import struct
import sys

NAMES = {
    0x202: "MOV", 0x207: "SEL", 0x208: "FSEL", 0x209: "FMNMX", 0x20b: "FSETP", 0x20c: "ISETP", 0x210: "IADD3",
    0x211: "LEA", 0x212: "LOP3", 0x219: "SHF", 0x220: "FMUL", 0x221: "FADD", 0x223: "FFMA", 0x224: "IMAD",
    0x225: "IMAD.WIDE", 0x23c: "HMMA", 0x23e: "F2FP", 0x237: "IMMA", 0x308: "MUFU", 0x381: "LDG", 0x385: "ST",
    0x387: "STL", 0x388: "STS", 0x421: "FADD", 0x423: "FFMA", 0x802: "MOV", 0x807: "SEL", 0x808: "FSEL",
    0x80b: "FSETP", 0x80c: "ISETP", 0x810: "IADD3", 0x811: "LEA", 0x812: "LOP3", 0x819: "SHF", 0x820: "FMUL",
    0x823: "FFMA", 0x824: "IMAD", 0x825: "IMAD.WIDE", 0x83b: "LDSM", 0x918: "NOP", 0x947: "BRA", 0x980: "LD",
    0x983: "LDL", 0x984: "LDS", 0x986: "STG", 0xb1d: "BAR", 0xfae: "LDGSTS",
}
BRANCH = 0x947
LOCAL = (0x983, 0x387)


def sections(image):
    """Name and bytes of each section of an ELF file."""
    table, = struct.unpack_from("<Q", image, 40)
    count, names = struct.unpack_from("<HH", image, 60)
    headers = [struct.unpack_from("<IIQQQQIIQQ", image, table + 64 * i) for i in range(count)]
    for header in headers:
        start = headers[names][4] + header[0]
        yield image[start:image.index(b"\0", start)].decode(), image[header[4]:header[4] + header[5]]


def loops(instructions):
    """First and last instruction of each backward branch's loop."""
    for at, instruction in enumerate(instructions):
        if instruction & 0xfff == BRANCH:
            high = (instruction >> 34) & ((1 << 48) - 1)
            high -= (high >> 47) << 48
            target = at + 1 + ((high << 8) | (instruction >> 16 & 0xff)) / 4
            if target == int(target) and 0 <= target < at:
                yield int(target), at


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for file in sys.argv[1:]:
        with open(file, "rb") as opened:
            image = opened.read()
        for name, code in sections(image):
            if not name.startswith(".text."):
                continue
            instructions = [int.from_bytes(code[i:i + 16], "little") for i in range(0, len(code), 16)]
            spills = sum(i & 0xfff in LOCAL for i in instructions)
            print(f"{name[6:]}: {len(instructions)} instructions, {spills} of local memory")
            for first, last in sorted(set(loops(instructions))):
                counts = collections.Counter(
                    NAMES.get(i & 0xfff, hex(i & 0xfff)) for i in instructions[first:last + 1])
                words = " ".join(f"{name} {count}" for name, count in counts.most_common(16))
                print(f"  {last - first + 1} instructions from {first}: {words}")


if __name__ == "__main__":
    main()
