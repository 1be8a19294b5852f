# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by bench/path, bench/failover, bench/bonds, bench/restart, bench/shares, bench/turns and bench/xsk: options, namespaces with a clean-up, statistics, JSON.
#   usage: bench/NAME [-b BINDIR] [-o FILE.json] [-q]      default: build/release/bin, JSON only with -o; -q: short run
# Everything is in two namespaces with unique names, $near (slaves, bonds, xbondd) and $far, and goes with them.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: network namespaces and BPF" >&2; exit 2; }

root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
bin=$root/build/release/bin
json_file=
quick=
while getopts b:o:q o; do
    case $o in
    b) bin=$(readlink -f "$OPTARG") ;;
    o) json_file=$(readlink -f "$OPTARG") ;;
    q) quick=1 ;;
    *) sed -n 's/^#  *\(usage.*\)/\1/p' "$root/bench/lib.sh" >&2; exit 2 ;;
    esac
done
for program in xbond xbondd xb_load; do
    [ -x "$bin/$program" ] || { echo "no $bin/$program: run scripts/build first" >&2; exit 2; }
done

near=xb-bench-$$-near
far=xb-bench-$$-far
work=$(mktemp -d -t xb-bench.XXXXXX)
daemon=

in_near() { ip netns exec "$near" "$@"; }
xbond() { "$bin/xbond" -n "$near" "$@"; }
load() { "$bin/xb_load" "$@"; }

cleanup() {
    trap '' INT TERM
    [ -n "$daemon" ] && { kill -CONT "$daemon"; kill "$daemon"; wait "$daemon"; } 2>/dev/null
    { ip netns pids "$near"; ip netns pids "$far"; } 2>/dev/null | xargs -r kill -9
    [ -e "/run/netns/$near" ] && in_near "$bin/xbondd" --teardown >/dev/null 2>&1
    ip netns del "$near" 2>/dev/null
    ip netns del "$far" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

die() { echo "$*" >&2; [ -s "$work/log" ] && tail -20 "$work/log" >&2; exit 1; }

make_namespaces() {
    local ns
    for ns in $near $far; do
        ip netns add "$ns" || die "cannot make a network namespace"
        ip -n "$ns" link set lo up
        ip netns exec "$ns" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
            net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    done
}

veth() { # NEAR-END FAR-END
    ip link add "$1" netns "$near" type veth peer name "$2" netns "$far" || die "cannot make veth $1"
    ip -n "$near" link set "$1" up
    ip -n "$far" link set "$2" up
}

# As with the kernel's bonding, a slave has to be down when it is enslaved.
add_bond() { # BOND MODE[:POLICY] SLAVE SLAVE OPTIONS...
    local bond=$1 mode=${2%%:*} policy=${2#*:} slaves=("$3" "$4") slave
    shift 4
    [ "$policy" = "$mode" ] && policy=layer2
    xbond link add "$bond" type bond mode "$mode" xmit_hash_policy "$policy" miimon 100 "$@" ||
        die "cannot make a bond of mode $mode"
    for slave in "${slaves[@]}"; do
        ip -n "$near" link set "$slave" down
        xbond link set "$slave" master "$bond" || die "cannot enslave $slave to $bond"
    done
    xbond link set "$bond" up || die "cannot set $bond up"
}

start_daemon() { # extra arguments
    local tries=0
    ip netns exec "$near" "$bin/xbondd" --state-dir "$work/state" "$@" >>"$work/log" 2>&1 &
    daemon=$!
    until xbond status -j >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] && kill -0 "$daemon" 2>/dev/null || die "xbondd does not serve"
        sleep 0.05
    done
}

stop_daemon() {
    kill "$daemon"
    wait "$daemon"
    daemon=
}

wait_answer() { # ADDRESS: of the far side
    local tries=0
    until in_near ping -c 1 -W 1 "$1" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 20 ] || die "no answer from $1"
    done
}

# "median min max" of the first numbers of the lines on standard input
spread() {
    sort -g | awk '{ v[NR] = $1 } END { if (NR) print (NR % 2 ? v[(NR+1)/2] : (v[NR/2]+v[NR/2+1])/2), v[1], v[NR] }'
}

cpu_model() { sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1; }
revision() { git -C "$root" describe --always --dirty 2>/dev/null || echo unknown; }

# Wraps the rows, one JSON object a line on standard input, with what they were measured on.
write_json() { # BENCH
    [ -n "$json_file" ] || { cat >/dev/null; return; }
    { printf '{"bench":"%s","date":"%s","kernel":"%s","cpu":"%s","revision":"%s","rows":[\n' "$1" "$(date -uIs)" \
        "$(uname -r)" "$(cpu_model)" "$(revision)"; sed '$!s/$/,/'; echo ']}'; } >"$json_file"
}
