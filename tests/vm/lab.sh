# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by tests/vm/run and bench/vm/run: finds the VM lab and its kernels. `root` is the checkout.

VMLAB=${VMLAB:-$root/../shared/vmlab}
export VMLAB_STATE=${VMLAB_STATE:-${XDG_CACHE_HOME:-$HOME/.cache}/vmlab}
if [ ! -x "$VMLAB/vmrun" ]; then
    echo "SKIPPED: no VM lab in $VMLAB (set VMLAB)" >&2
    exit 77
fi
for tool in qemu-system-x86_64 busybox cpio kmod bc zstd bpftool ethtool tcpdump iperf3 ping; do
    command -v "$tool" >/dev/null && continue
    echo "SKIPPED: $tool is missing: apt-get install qemu-system-x86 busybox-static cpio kmod bc zstd bpftool" \
        "ethtool tcpdump iperf3 iputils-ping" >&2
    exit 77
done

# The unpacked kernel of a version; fetched once (about 100 MB from Debian's archive), never installed.
kernel_dir() {
    local package
    case $1 in
    6.1) package=linux-image-amd64 ;;
    6.12) package=linux-image-6.12-amd64 ;;
    *) echo "unknown kernel '$1': expected 6.1 or 6.12" >&2; return 1 ;;
    esac
    "$VMLAB/get-kernel" "$package" "$1" >&2 || { echo "SKIPPED: cannot get kernel $1" >&2; return 1; }
    echo "$VMLAB_STATE/k/$1"
}

need_binaries() { # DIR
    local program
    for program in xbond xbondd; do
        [ -x "$1/$program" ] || { echo "no $1/$program: run scripts/build first" >&2; exit 2; }
    done
}
