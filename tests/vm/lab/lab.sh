# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by tests/vm/run and bench/vm/run: what they need of the machine. `root` is the checkout.

lab=$root/tests/vm/lab
for tool in qemu-system-x86_64 busybox cpio kmod depmod modprobe xz zstd strip python3 iperf3 ping teamd teamdctl; do
    command -v "$tool" >/dev/null && continue
    echo "SKIPPED: $tool is missing: 'sudo scripts/deps vm' installs what the VM tests and benches need" >&2
    exit 77
done

kernel_dir() { # 6.1|6.12|newest
    "$lab/get-kernel" "$1" || { echo "SKIPPED: cannot get kernel $1" >&2; return 1; }
}

# For the guest: debug information would be most of its memory and half of its boot.
strip_binaries() { # FROM-DIR TO-DIR PROGRAM...
    local program from=$1 to=$2
    shift 2
    for program; do
        [ -x "$from/$program" ] || { echo "no $from/$program: run scripts/build first" >&2; exit 2; }
        strip -o "$to/$program" "$from/$program" || exit 2
    done
}
