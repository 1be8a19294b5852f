#!/bin/bash
# SPDX-License-Identifier: MIT
# Inside the guest: guest.sh KERNEL. Slaves e0 and e1 are veth ends; their far ends s0 and s1 live in namespace `sw`,
# under bonding.ko (static aggregation: modes 0, 2, 3) or under a bridge (mode 1), with 10.0.0.2 on top.
set -u
. /job/guest_lib.sh
case $1 in # what this kernel must offer; anything less is a failure, not a fallback
6.1) hook=clsact carrier=probe_read ;;
*) hook=tcx carrier=kfunc ;;
esac

make_peer() { # MODE: the other side of the links
    local i
    ip netns add sw
    for i in 0 1; do
        ip link add e$i type veth peer name s$i netns sw
    done
    if [ "$1" = active-backup ]; then
        ip -n sw link add up0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0
    else
        ip -n sw link add up0 type bond mode balance-xor miimon 20
    fi
    for i in 0 1; do
        ip -n sw link set s$i master up0
        ip -n sw link set s$i up
    done
    ip -n sw addr add 10.0.0.2/24 dev up0
    ip -n sw link set up0 up
}

make_bond() { # MODE OPTIONS...
    local mode=$1
    shift
    ip link set e0 down # as with the kernel's bonding
    ip link set e1 down
    xbond link add bond0 type bond mode "$mode" miimon 20 "$@" && xbond link set e0 master bond0 &&
        xbond link set e1 master bond0 && xbond link set bond0 up && ip addr add 10.0.0.1/24 dev bond0
}

watches() { # the timer of the data path runs
    local a b
    a=$(xbond status -j | grep -oE '"watch_runs": *[0-9]+' | grep -oE '[0-9]+$')
    usleep 200000
    b=$(xbond status -j | grep -oE '"watch_runs": *[0-9]+' | grep -oE '[0-9]+$')
    [ "${b:-0}" -gt "${a:-0}" ] || { echo "watch_runs stays at '$a'"; return 1; }
}

pulls() { # LABEL IF: pulls its link under a stream, then puts it back
    (usleep 300000; ip -n sw link set "$2" down) &
    check "$1: $2 pulled under 200 pings: at most 20 lost" loses_at_most 20 200
    wait $!
    check "$1: forwards without $2" loses_at_most 0 50
    ip -n sw link set "$2" up
    check "$1: $2 is back" until_ok 10 loses_at_most 0 20
}

mode() { # MODE OPTIONS...
    local label="$*" status
    status=/out/status-${*// /_}.json
    make_peer "$1"
    check "$label: created" make_bond "$@"
    xbond status -j >"$status"
    check "$label: hook $hook" has "\"hook\": *\"$hook\"" "$status"
    check "$label: carrier check $carrier" has "\"carrier_check\": *\"$carrier\"" "$status"
    check "$label: carrier watch runs" watches
    forwards "$label"
    pulls "$label" s0
    pulls "$label" s1
    check "$label: full visibility" xbond link set bond0 type bond visibility full
    forwards "$label, full visibility"
    check "$label: deleted" xbond link del bond0
    ip netns del sw
    until_ok 10 eval '! ip link show e0 && ! ip link show e1'
}

restart() { # killed and adopted
    make_peer active-backup
    check "restart: created" make_bond active-backup
    check "restart: first answer" until_ok 10 ping -c 1 -W 1 10.0.0.2
    stop_daemon KILL
    check "restart: forwards without a controller" loses_at_most 0 50
    start_daemon >/dev/null
    check "restart: adopted" has '"name": *"bond0"' <(xbond status -j)
    check "restart: forwards" loses_at_most 0 50
    pulls "restart" s0
    check "restart: deleted" xbond link del bond0
    ip netns del sw
}

unchecked() { # the data path without a carrier check
    make_peer active-backup
    check "carrier check none: created" make_bond active-backup
    check "carrier check none: in use" has '"carrier_check": *"none"' <(xbond status -j)
    forwards "carrier check none"
    xbond link del bond0
    ip netns del sw
}

active_is() { # SLAVE
    has "\"active_slave\": *\"$1\"" <(xbond status -j)
}

monitor() { # ARP, its target behind a VLAN on the bond (P13): only a tagged probe with the VLAN's address is answered
    make_peer active-backup
    ip -n sw link add link up0 name up0.5 type vlan id 5
    ip -n sw addr add 10.5.0.2/24 dev up0.5
    ip -n sw link set up0.5 up
    ip link set e0 down
    ip link set e1 down
    check "monitor: created" eval 'xbond link add bond0 type bond mode active-backup primary e0 arp_interval 100 \
        arp_validate all arp_ip_target 10.5.0.2 && xbond link set e0 master bond0 && xbond link set e1 master bond0 &&
        xbond link set bond0 up && ip link add link bond0 name bond0.5 type vlan id 5 &&
        ip addr add 10.5.0.1/24 dev bond0.5 && ip link set bond0.5 up'
    check "monitor: answered through the VLAN" until_ok 10 eval 'has "\"round_trip_ms\": *[0-9]" <(xbond status -j)'
    check "monitor: e0 is active" until_ok 10 active_is e0
    check "monitor: forwards" eval 'until_ok 10 ping -c 1 -W 1 10.5.0.2'
    ip -n sw link set s0 nomaster # carrier stays
    check "monitor: the dead path is left" until_ok 10 active_is e1
    ip -n sw link set s0 master up0
    check "monitor: back to the primary" until_ok 10 active_is e0
    xbond link del bond0
    ip netns del sw
    until_ok 10 eval '! ip link show e0 && ! ip link show e1'
}

modprobe -a veth bridge sch_ingress cls_bpf 8021q
modprobe bonding max_bonds=0
echo "kernel $(uname -r)"
if start_daemon >/dev/null; then pass "xbondd serves"; else fail "xbondd serves"; fi # not by check: a subshell would keep $daemon
xbond doctor 2>&1 | tee /out/doctor
mode balance-rr
mode balance-rr packets_per_slave 0
mode active-backup
for policy in $(xbond options | sed -n 's/^ *xmit_hash_policy  \([^ ]*\) .*/\1/p' | tr '|' ' '); do
    mode balance-xor xmit_hash_policy $policy
done
mode broadcast
monitor
restart
stop_daemon TERM
start_daemon --carrier-check none >/dev/null
unchecked
stop_daemon TERM
check "teardown" xbondd --teardown
check "nothing pinned" eval '! find /sys/fs/bpf/xbond -type f 2>/dev/null | grep .'
report
