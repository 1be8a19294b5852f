#!/bin/bash
# SPDX-License-Identifier: MIT
# Inside the guest: migrate_guest.sh KERNEL. A bond of bonding.ko with addresses, routes, a VLAN and up to 1000 pings
# a second becomes xbond's and goes back, in modes 1, 2 and 4; one that fails half way is as it was.
# Slaves e0 and e1 are veth ends; their far ends s0 and s1 live in namespace `sw`, under a bridge (mode 1) or a bond of
# bonding.ko (modes 2 and 4), with 10.0.0.2 on top.
set -u
. /job/guest_lib.sh
seconds=25 # of a ping a millisecond, as far as the guest's processor lets it, in which the bond migrates

make_partner() { # MODE
    local i
    ip netns add sw
    for i in 0 1; do
        ip link add e$i type veth peer name s$i netns sw
    done
    if [ "$1" = active-backup ]; then
        ip -n sw link add up0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0
    else
        ip -n sw link add up0 type bond mode "$1" miimon 20 xmit_hash_policy layer3+4
    fi
    for i in 0 1; do
        ip -n sw link set s$i master up0
        ip -n sw link set s$i up
    done
    ip -n sw addr add 10.0.0.2/24 dev up0
    ip -n sw addr add fd00::2/64 dev up0 nodad
    ip -n sw link set up0 up
    ip -n sw link add link up0 name up0.5 type vlan id 5
    ip -n sw addr add 10.5.0.2/24 dev up0.5
    ip -n sw link set up0.5 up
}
make_kernels() { # MODE OPTIONS...
    local i mode=$1
    shift
    ip link add bond0 type bond mode "$mode" miimon 20 "$@"
    for i in 0 1; do
        ip link set e$i down
        ip link set e$i master bond0
    done
    ip link property add dev bond0 altname uplink
    ip link set bond0 mtu 1400 up
    sysctl -qw net.ipv4.conf.bond0.arp_announce=2
    ip addr add 10.0.0.1/24 dev bond0
    ip addr add 10.0.0.7/24 dev bond0 label bond0:7
    ip addr add fd00::1/64 dev bond0 nodad
    ip route add default via 10.0.0.2 metric 50
    ip route add 192.0.2.0/24 via 10.0.0.2 table 77 src 10.0.0.7 proto static
    ip route add fd00:7::/64 via fd00::2 metric 70
    ip neigh add 10.0.0.99 lladdr 02:00:00:00:00:99 dev bond0 nud permanent
    ip rule add iif bond0 lookup 77 pref 700
    ip link add link bond0 name bond0.5 type vlan id 5
    ip addr add 10.5.0.1/24 dev bond0.5
    ip link set bond0.5 up
    ip route add 198.51.100.0/24 via 10.5.0.2 mtu 1300
}

# Everything that is to be kept, in an order of its own, without lifetimes and numbers.
seen() {
    cat /sys/class/net/bond0/address /sys/class/net/bond0/mtu /proc/sys/net/ipv4/conf/bond0/arp_announce
    {
        ip -o addr show dev bond0
        ip -o addr show dev bond0.5
        ip route show table all
        ip -6 route show table all
        ip neigh show nud permanent
        ip rule
    } | grep bond0 | grep -v fe80 | sed -E 's/^[0-9]+: //; s/ +/ /g; s/ pref (medium)//; s/linkdown//' | sort
    ip -o link show dev bond0 | grep -o 'altname.*'
    grep -H . /sys/class/net/bond0.5/mtu
}

moves() { # LABEL LIMIT ARGS...: migrates under traffic; LIMIT: of pings lost
    local label=$1 limit=$2 dir pings lost
    shift 2
    dir=/out/${label// /_}
    seen >before
    mkdir -p "$dir"
    ping -n -D -c $((seconds * 1000)) -w $seconds -i 0.001 10.0.0.2 >"$dir/pings" &
    pings=$!
    check "$label: pings run" until_ok 60 grep -q 'icmp_seq=1000 ' "$dir/pings"
    if xbond migrate bond0 "$@" >"$dir/said" 2>&1; then pass "$label: migrated"; else fail "$label: migrated"; fi
    wait $pings
    cat "$dir/said"
    lost=$(sed -nE 's/^([0-9]+) packets transmitted, ([0-9]+) received.*/\1 \2/p' "$dir/pings" | awk '{ print $1 - $2 }')
    echo "MEASURED: $label: ${lost:-?} pings lost; $(grep -E ' received,' "$dir/pings")"
    check "$label: at most $limit pings lost" test "${lost:-$limit$limit}" -le "$limit"
    seen >after
    check "$label: all that it had is kept" diff before after
    check "$label: nothing is left beside" eval '! ip -o link | grep -E "xb[on][0-9]"'
}

stopped() { # LABEL STEP ARGS...: the migration is asked to stop as that step begins, under pings
    local label="$1: stopped at step $2" step=$2 migrating
    shift 2
    seen >before
    ping -n -q -c 100000 -i 0.01 -w 60 10.0.0.2 >pings &
    pings=$!
    (exec xbond migrate bond0 "$@") >said 2>&1 & # no function of the shell: what is told to stop is the program
    migrating=$!
    until_ok 60 grep -q "\[$step/" said
    kill -TERM $migrating
    wait $migrating && fail "$label: says that it was"
    kill -INT $pings
    wait $pings
    check "$label: undone" eval 'grep -q "undone: the bond is as it was" said || { tail -15 said; false; }'
    echo "MEASURED: $label: $(grep received pings)"
    seen >after
    check "$label: all that it had is kept" diff before after
    check "$label: nothing is left beside" eval '! ip -o link | grep -E "xb[on][0-9]"'
    check "$label: forwards" loses_at_most 0 100
}

mode() { # MODE LIMIT OPTIONS...
    local mode=$1 limit=$2
    shift 2
    make_partner "$mode"
    make_kernels "$mode" "$@"
    check "$mode: the kernel's bond answers" until_ok 20 ping -c 1 -W 1 10.0.0.2
    xbond migrate bond0 --dry-run | tee dry
    check "$mode: a dry run says what will be lost" has 'Expected: at most' dry
    check "$mode: and touches nothing" eval 'grep -q . /sys/class/net/bond0/bonding/slaves'
    moves "$mode to xbond" "$limit"
    check "$mode: xbond has it" has '"name": *"bond0"' <(xbond status -j)
    check "$mode: forwards" loses_at_most 0 100
    check "$mode: forwards on the VLAN" loses_at_most 0 100 10.5.0.2
    if [ "$mode" != 802.3ad ]; then
        stopped "$mode back" 17 --back
    fi
    moves "$mode back" "$limit" --back
    check "$mode: the kernel has it" eval 'grep -q e0 /sys/class/net/bond0/bonding/slaves'
    check "$mode: forwards again" loses_at_most 0 100
    if [ "$mode" = active-backup ]; then
        stopped "$mode" 5
        stopped "$mode" 17
    fi
    ip rule del pref 700
    ip link del bond0
    ip netns del sw
    until_ok 10 eval '! ip link show e0 && ! ip link show e1'
}

modprobe -a veth bridge sch_ingress cls_bpf 8021q
modprobe bonding max_bonds=0
echo "kernel $(uname -r)"
if start_daemon >/dev/null; then pass "xbondd serves"; else fail "xbondd serves"; fi
mode active-backup 50
mode balance-xor 300 xmit_hash_policy layer3+4
mode 802.3ad 300 lacp_rate fast xmit_hash_policy layer3+4
stop_daemon TERM
check "teardown" xbondd --teardown
report
