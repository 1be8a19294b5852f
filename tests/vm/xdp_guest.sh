#!/bin/bash
# SPDX-License-Identifier: MIT
# Inside the guest: xdp_guest.sh KERNEL. What goes by XDP, over slaves of veth and of virtio_net: frames for the bond with
# `receive xdp`, behind a tag, too; guests behind a port; somebody's program on every slave. The far side is a bridge in
# namespace `sw` with 10.0.0.2 and, in VLAN 10, 10.0.10.2; a guest with 10.0.0.7 lives in namespace `guest`.
set -u
. /job/guest_lib.sh

make_peer() { # the devices in `peers`
    local i
    ip -n sw link add up0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0
    for i in "${peers[@]}"; do
        ip -n sw link set "$i" master up0
        ip -n sw link set "$i" up
    done
    ip -n sw link set up0 up
    ip -n sw addr add 10.0.0.2/24 dev up0
    ip -n sw link add link up0 name up0.10 type vlan id 10
    ip -n sw link set up0.10 up
    ip -n sw addr add 10.0.10.2/24 dev up0.10
}

make_bond() { # the devices in `slaves`
    local i
    xbond link add bond0 up type bond mode active-backup miimon 20 primary "${slaves[0]}" || return
    for i in "${slaves[@]}"; do
        ip link set "$i" down
        xbond link set "$i" master bond0 || return
    done
    ip addr add 10.0.0.1/24 dev bond0 && ip link add link bond0 name bond0.10 type vlan id 10 && ip link set bond0.10 up &&
        ip addr add 10.0.10.1/24 dev bond0.10
}

# A hub has carrier for ever: a link that is lost is down on both sides.
pull() { # N
    ip -n sw link set "${peers[$1]}" down
    ip link set "${slaves[$1]}" down
}
put_back() { # N
    ip -n sw link set "${peers[$1]}" up
    ip link set "${slaves[$1]}" up
    until_ok 20 eval '! xbond status -j | grep -qE "\"link\": *\"(down|going back)\""'
}

received_by() { # xdp|tc: by every slave
    [ "$(xbond status bond0 | grep -cE "^ +(${slaves[0]}|${slaves[1]}) +by $1")" = 2 ] || { xbond status bond0; return 1; }
}

receives() { # LABEL
    check "$1: 100 pings in" loses_at_most 0 100 10.0.0.1 sw
    check "$1: behind a tag" until_ok 20 ping -c 1 -W 1 10.0.10.2
    check "$1: 100 pings behind a tag" loses_at_most 0 100 10.0.10.1 sw
    check "$1: TCP" tcp
}

receive() { # LABEL
    check "$1: receive xdp is taken" xbond link set bond0 type bond receive xdp
    check "$1: by XDP on both slaves" until_ok 10 received_by xdp
    receives "$1: receive xdp"
    pull 0
    check "$1: receive xdp: first answer without ${slaves[0]}" until_ok 20 ping -c 1 -W 1 10.0.0.2
    check "$1: receive xdp: forwards without ${slaves[0]}" loses_at_most 0 50 10.0.0.1 sw
    put_back 0
    check "$1: receive xdp: first answer with ${slaves[0]} again" until_ok 20 ping -c 1 -W 1 10.0.0.2
    check "$1: receive xdp: forwards with ${slaves[0]} again" loses_at_most 0 50 10.0.0.1 sw
    stop_daemon KILL
    check "$1: receive xdp: without a controller" loses_at_most 0 50 10.0.0.1 sw
    start_daemon >/dev/null
    check "$1: receive xdp: adopted" until_ok 20 received_by xdp
    check "$1: back to tc" xbond link set bond0 type bond receive tc
    receives "$1: receive tc"
}

port() { # LABEL
    ip netns add guest
    ip link add p7 type veth peer name eth0 netns guest
    ip -n guest addr add 10.0.0.7/24 dev eth0
    ip -n guest link set eth0 up
    ip link set p7 up
    check "$1: a port is added" xbond port add bond0 p7
    check "$1: the guest reaches the wire" until_ok 20 ip netns exec guest ping -c 1 -W 1 10.0.0.2
    check "$1: the guest: 100 pings out" loses_at_most 0 100 10.0.0.2 guest
    check "$1: the guest: 100 pings in" loses_at_most 0 100 10.0.0.7 sw
    check "$1: the guest reaches the host" loses_at_most 0 20 10.0.0.1 guest
    pull 0
    check "$1: the guest: first answer without ${slaves[0]}" until_ok 20 ip netns exec guest ping -c 1 -W 1 10.0.0.2
    check "$1: the guest: pings without ${slaves[0]}" loses_at_most 0 50 10.0.0.7 sw
    put_back 0
    xbond port show bond0
    check "$1: the port goes" xbond port del bond0 p7
    ip netns del guest
    until_ok 10 eval '! ip link show p7'
}

chained() { # LABEL
    check "$1: a program on every slave" xbond xdp attach bond0 /job/chained_count.o prog count_and_pass
    check "$1: with it: 100 pings" loses_at_most 0 100
    check "$1: one that takes fragments" xbond xdp attach bond0 /job/chained_count_frags.o
    check "$1: with that: 100 pings" loses_at_most 0 100
    check "$1: one that drops all" xbond xdp attach bond0 /job/chained_drop.o
    check "$1: nothing comes in" eval '! ping -c 2 -W 1 10.0.0.2'
    check "$1: taken off" xbond xdp detach bond0
    check "$1: without it" until_ok 10 ping -c 1 -W 1 10.0.0.2
}

over() { # LABEL: with `slaves` and `peers`
    make_peer
    check "$1: created" make_bond
    check "$1: first answer" until_ok 40 ping -c 1 -W 1 10.0.0.2
    receive "$1"
    port "$1"
    chained "$1"
    check "$1: deleted" xbond link del bond0
    check "$1: no program is left on a slave" until_ok 10 eval '! ip link show | grep prog/xdp'
}

modprobe -a veth virtio_net e1000e 8021q bridge sch_ingress cls_bpf
until_ok 20 eval '[ $(ls -d /sys/class/net/eth* | wc -l) = 4 ]'
if start_daemon >/dev/null; then pass "xbondd serves"; else fail "xbondd serves"; fi

ip netns add sw
slaves=(e0 e1) peers=(s0 s1)
for i in 0 1; do
    ip link add "e$i" type veth peer name "s$i" netns sw
    ip netns exec sw ethtool -K "s$i" tx-vlan-hw-insert off tx-vlan-stag-hw-insert off # or XDP does not see the tags
done
over veth
ip netns del sw
until_ok 10 eval '! ip link show e0 && ! ip link show e1'

mapfile -t slaves < <(nics_of virtio_net)
mapfile -t peers < <(nics_of e1000e)
ip netns add sw
for i in "${peers[@]}"; do
    ip link set "$i" netns sw
done
over virtio_net
stop_daemon TERM
check "teardown" xbondd --teardown
check "nothing pinned" eval '! find /sys/fs/bpf/xbond -type f 2>/dev/null | grep .'
report
