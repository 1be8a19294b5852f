#!/bin/bash
# SPDX-License-Identifier: MIT
# Inside the guest: xsk_guest.sh KERNEL. Applications on a bond over veth slaves e0 and e1, whose far ends are ports of a
# bridge in namespace `sw`: the mapped state, also without a controller, and AF_XDP sockets of an ordinary user.
set -u
. /job/guest_lib.sh
user=(setpriv --reuid 65534 --regid 4711 --clear-groups --inh-caps "-all,+net_raw" --ambient-caps "-all,+net_raw"
    --bounding-set "-all,+net_raw")

ip netns add sw
ip -n sw link add up0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0
for i in 0 1; do
    ip link add e$i type veth peer name s$i netns sw
    ip -n sw link set s$i master up0
    ip -n sw link set s$i up
done
ip -n sw addr add 10.0.0.2/24 dev up0
ip -n sw link set up0 up

start_daemon
check "bond0 is made" xbond link add bond0 type bond mode active-backup miimon 20 primary e0
for i in 0 1; do
    check "e$i is a slave" xbond link set e$i master bond0
done
xbond link set bond0 up
ip addr add 10.0.0.1/24 dev bond0
check "the bond forwards" until_ok 20 ping -c 1 -W 1 10.0.0.2

xbond-xsk-state bond0 >/out/state.txt 2>&1 &
state=$!
check "the state tells who sends and is heard" until_ok 20 has 'e0: . queues, carrier sends heard' /out/state.txt
check "and who does not" has 'e1: . queues, carrier$' /out/state.txt
stop_daemon KILL
ip -n sw link set s0 down
check "a failover shows without a controller" until_ok 10 has 'e1: . queues, carrier sends' /out/state.txt
ip -n sw link set s0 up
start_daemon
check "the bond is adopted" until_ok 20 ping -c 1 -W 1 10.0.0.2
kill $state

check "a user without a rule is refused" eval '! "${user[@]}" xbond-xsk-count bond0'
check "a rule is taken" xbond xsk allow bond0 group 4711 match icmp
"${user[@]}" xbond-xsk-count bond0 >/out/count.txt 2>&1 &
count=$!
check "an ordinary user with CAP_NET_RAW binds" until_ok 30 has 'e1 queue 0' /out/count.txt
ip netns exec sw ping -q -c 20 -i 0.05 -W 1 10.0.0.1 >/dev/null
check "and gets its frames" until_ok 10 has '^[1-9][0-9]* packets' /out/count.txt
kill $count
check "which go to the stack when it ends" until_ok 10 ip netns exec sw ping -c 1 -W 1 10.0.0.1
stop_daemon TERM
report
