#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes the ELF kernel out of a bzImage, so that QEMU starts it by PVH and the guest need not decompress it.

    extract_vmlinux.py VMLINUZ VMLINUX

Where the payload lies is in the setup header (Documentation/arch/x86/boot.rst).
"""
import pathlib
import struct
import subprocess
import sys

SETUP_SECTS, PAYLOAD_OFFSET, PAYLOAD_LENGTH = 0x1f1, 0x248, 0x24c
DECOMPRESS = {
    b"\x28\xb5\x2f\xfd": ["zstd", "-dcq"],
    b"\xfd7zXZ": ["xz", "-dcq", "--single-stream"],
    b"\x1f\x8b": ["gzip", "-dcq"],
}


def payload(image):
    sectors = image[SETUP_SECTS] or 4  # the header's own rule for a zero
    offset, = struct.unpack_from("<I", image, PAYLOAD_OFFSET)
    length, = struct.unpack_from("<I", image, PAYLOAD_LENGTH)
    start = (sectors + 1) * 512 + offset
    return image[start:start + length]


def main(vmlinuz, vmlinux):
    packed = payload(pathlib.Path(vmlinuz).read_bytes())
    for magic, command in DECOMPRESS.items():
        if packed.startswith(magic):
            # The kernel's build appends the unpacked length, which gzip has anyway and the others would choke on.
            data = packed if command[0] == "gzip" else packed[:-4]
            done = subprocess.run(command, input=data, capture_output=True, check=False)
            if not done.stdout.startswith(b"\x7fELF"):
                return f"{vmlinuz}: {command[0]} made no ELF file of it: {done.stderr.decode(errors='replace')}"
            pathlib.Path(vmlinux).write_bytes(done.stdout)
            return None
    return f"{vmlinuz}: unknown compression: {packed[:8].hex()}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
