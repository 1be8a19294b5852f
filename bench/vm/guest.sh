#!/bin/bash
# SPDX-License-Identifier: MIT
# Inside the guest (-icount shift=0: 1 instruction = 1 virtual ns): guest.sh PACKETS RUNS.
# Prints `tx|rx KIND MODE RUN...` lines, instructions per packet with pktgen's own, and `watch` lines.
set -u
packets=$1 runs=$2
sink_mac=02:00:00:00:00:99
modes="balance-rr active-backup balance-xor"

write() { echo "$1" >"$2" || echo "# pktgen: '$1' > $2 failed"; }

# Instructions per packet of pktgen on DEVICE, through dev_queue_xmit.
pktgen() { # DEVICE DST-MAC DST-IP
    local proc=/proc/net/pktgen line
    write rem_device_all $proc/kpktgend_0
    write "add_device $1" $proc/kpktgend_0
    for line in "count $packets" "clone_skb 0" "pkt_size 60" "delay 0" "dst_mac $2" "dst $3" "src_min 10.9.0.1" \
        "src_max 10.9.0.1" "udp_src_min 1000" "udp_src_max 2023" "udp_dst_min 9000" "udp_dst_max 9000" \
        "xmit_mode queue_xmit"; do
        write "$line" "$proc/$1"
    done
    write start $proc/pgctrl
    sed -n 's/^Result: OK: \([0-9]*\).*usec, \([0-9]*\) .*/\1 \2/p' "$proc/$1" | awk '{ printf "%.1f", $1 * 1000 / $2 }'
    write rem_device_all $proc/kpktgend_0
}

sent() { echo $(($(cat /sys/class/net/a0/statistics/tx_packets) + $(cat /sys/class/net/a1/statistics/tx_packets))); }

transmit() { # KIND MODE DEVICE
    local run before values=
    for ((run = 0; run < runs; run++)); do
        before=$(sent)
        values+=" $(pktgen "$3" $sink_mac 10.1.0.2)"
        before=$(($(sent) - before))
        # Other frames (announcements) may join in; a missing one means that this is no measurement.
        [ $before -ge "$packets" ] || echo "# $1 $2: only $before of $packets packets left through a slave"
    done
    echo "tx $1 $2$values"
}

receive() { # KIND MODE DEVICE: pktgen in the sink namespace, through a0, into a socket that does not read
    local run values= holder got mac
    mac=$(cat "/sys/class/net/$3/address")
    ip addr add 10.1.0.1/24 dev "$3"
    for ((run = 0; run < runs; run++)); do
        xb_load hold >/tmp/got &
        holder=$!
        until grep -q :2328 /proc/net/udp; do usleep 10000; done
        values+=" $(ip netns exec sink bash -c "$(declare -f write pktgen); packets=$packets; pktgen b0 $mac 10.1.0.1")"
        kill $holder
        wait $holder
        got=$(cat /tmp/got)
        [ "$got" = "$packets" ] || echo "# $1 $2: the socket got $got of $packets"
    done
    ip addr del 10.1.0.1/24 dev "$3"
    echo "rx $1 $2$values"
}

links() { # drop|deliver: a0 and a1 with far ends in `sink`, which drops what it gets when packets are only sent
    local i
    for i in 0 1; do
        ip link add a$i type veth peer name b$i netns sink
        ip link set a$i up
        ip -n sink link set b$i up
        if [ "$1" = drop ]; then
            tc -n sink qdisc add dev b$i clsact
            tc -n sink filter add dev b$i ingress matchall action drop
        fi
    done
}
unlinks() { ip link del a0; ip link del a1; }

policy_of() { [ "$1" = balance-xor ] && echo xmit_hash_policy layer3+4; }

bonding() { # MODE
    local i
    ip link add bond0 type bond mode "$1" miimon 100 $(policy_of "$1")
    for i in 0 1; do
        ip link set a$i down
        ip link set a$i master bond0
    done
    ip link set bond0 up
    sleep 0.5
}
xbonding() { # MODE OPTIONS...
    local mode=$1
    shift
    ip link set a0 down
    ip link set a1 down
    xbond link add bond0 type bond mode "$mode" miimon 100 $(policy_of "$mode") "$@" &&
        xbond link set a0 master bond0 && xbond link set a1 master bond0 && xbond link set bond0 up || exit 1
    sleep 0.5
}

measure() { # transmit|receive
    local mode
    "$1" plain - a0
    for mode in $modes; do
        bonding $mode
        "$1" bonding $mode bond0
        ip link del bond0
        ip link set a0 up
        ip link set a1 up
        xbonding $mode
        "$1" xbond $mode bond0
        xbond link set bond0 type bond carrier_watch 0 # what is left is paid by packets, not by time
        "$1" unwatched $mode bond0
        xbond link del bond0
        ip link set a0 up
        ip link set a1 up
    done
}

# The carrier watch shows as instructions that pktgen on an unrelated device does not get: more of them with more time.
watch_cost() {
    local ms before runs_done cost
    ip link add idle0 type dummy
    ip link set idle0 up
    for ms in 0 1; do
        xbonding active-backup carrier_watch $ms
        before=$(watch_runs)
        cost=$(packets=$((packets * 50)) pktgen idle0 $sink_mac 10.1.0.2)
        runs_done=$(($(watch_runs) - before))
        echo "watch $ms $((packets * 50)) $cost $runs_done"
        xbond link del bond0
    done
}
watch_runs() { xbond status -j | grep -oE '"watch_runs": *[0-9]+' | grep -oE '[0-9]+$'; }

modprobe -a veth dummy pktgen sch_ingress cls_bpf cls_matchall act_gact
modprobe bonding max_bonds=0
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 net.core.netdev_max_backlog=100000 \
    net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.udp_mem="4000000 4000000 4000000"
ip netns add sink
ip netns exec sink sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
xbondd >/out/xbondd.log 2>&1 &
until xbond status -j >/dev/null 2>&1; do usleep 100000; done

links drop
measure transmit
unlinks
links deliver
measure receive
watch_cost
unlinks
exit 0
