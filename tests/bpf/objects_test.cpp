// SPDX-License-Identifier: MIT
// The objects as such: each verifies for every mode and policy it may be frozen to, and their structs are abi.h's.
#include <catch2/catch.hpp>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <cstddef>
#include <cstring>
#include <iostream>
#include <map>

#include "tests/bpf/data_path.h"
#include "xbond/counters.h"

using namespace xbond;
using namespace xbond::test;

namespace {

using Layout = std::map<std::string, std::size_t>; // member → offset; "" → size

Layout counters_layout() {
    const xb_counters example{};
    Layout layout{{"", sizeof example}};
    for (const auto &counter : data_path_counters) {
        layout[std::string(counter.name)] = static_cast<std::size_t>(
            reinterpret_cast<const char *>(&(example.*counter.member)) - reinterpret_cast<const char *>(&example));
    }
    return layout;
}

// XB_STRUCT(type, members...) is an entry of the table below. The preprocessor takes one member a round, up to 27.
#define XB_PARENS ()
#define XB_ROUNDS(...) XB_ROUNDS_9(XB_ROUNDS_9(XB_ROUNDS_9(__VA_ARGS__)))
#define XB_ROUNDS_9(...) XB_ROUNDS_3(XB_ROUNDS_3(XB_ROUNDS_3(__VA_ARGS__)))
#define XB_ROUNDS_3(...) XB_ROUND(XB_ROUND(XB_ROUND(__VA_ARGS__)))
#define XB_ROUND(...) __VA_ARGS__
#define XB_MEMBERS(type, member, ...)                                                                                  \
    {#member, offsetof(type, member)}, __VA_OPT__(XB_MORE_MEMBERS XB_PARENS(type, __VA_ARGS__))
#define XB_MORE_MEMBERS() XB_MEMBERS
#define XB_STRUCT(type, ...)                                                                                           \
    std::pair<const std::string, Layout>(#type, {{"", sizeof(type)}, XB_ROUNDS(XB_MEMBERS(type, __VA_ARGS__))})

const std::map<std::string, Layout> abi = {
    XB_STRUCT(xb_config, bond_ifindex, peer_ifindex, mode, policy, packets_per_slave, tlb_dynamic_lb),
    XB_STRUCT(xb_slot, dev, ifindex, latched),
    XB_STRUCT(xb_bank_slot, mac, flags, fallback, queue_id, reserved, speed),
    XB_STRUCT(xb_monitor, heard_after, probe_from, probe_until, target4, target6, n_targets4, n_targets6, all_targets,
              any_own4, n_own4, own4),
    XB_STRUCT(xb_slot_stamps, last_rx, target_rx, jiffy, fresh, stood_in_ms),
    XB_STRUCT(xb_stamps, slot),
    XB_STRUCT(xb_bank, n_pick, active, igmp, bond_mac, flags, entry_ifindex, entry_flags, pick, slot, monitor,
              n_bridge4, bridge4, how),
    XB_STRUCT(xb_bucket, tx_bytes, history, owner, reserved),
    XB_STRUCT(xb_client, lock, server4, client4, server_mac, client_mac, vlan_id, slot, flags),
    XB_STRUCT(xb_lb, unbalanced, latched, last_slot, load, bucket, client, serves),
    XB_STRUCT(xb_displaced, event, client, reserved),
    XB_STRUCT(xb_table, layout, bank, n_slots, chained, lease_until, slot, banks),
    {"xb_counters", counters_layout()},
    XB_STRUCT(xb_event, type, slot, ifindex, carrier, ktime_ns),
    XB_STRUCT(xb_watch, timer, interval_ns, runs, carrier),
    XB_STRUCT(xb_xsk_rule, fields, group, vlan, ethertype, src_first, src_last, dst_first, dst_last, queue, protocol,
              reserved, mac, reserved2),
    XB_STRUCT(xb_xsk_rules, n, reserved, rule),
    XB_STRUCT(xb_port, ifindex, flags, vlan, mac, own, heard, reserved),
    XB_STRUCT(xb_ports, n, flags, unsummed, reserved, port),
    XB_STRUCT(xb_port_key, mac, vlan),
    XB_STRUCT(xb_port_at, port, fixed),
    XB_STRUCT(xb_port_counters, rx_packets, rx_bytes, tx_packets, tx_bytes, dropped),
};

Layout layout_of(const btf *types, const btf_type *type) {
    Layout layout{{"", type->size}};
    const btf_member *members = btf_members(type);
    for (std::uint32_t i = 0; i < btf_vlen(type); i++) {
        layout[btf__name_by_offset(types, members[i].name_off)] = btf_member_bit_offset(type, i) / 8;
    }
    return layout;
}

bpf_prog_info info_of_program(int fd) {
    bpf_prog_info info{};
    __u32 size = sizeof(info);
    REQUIRE(bpf_obj_get_info_by_fd(fd, &info, &size) == 0);
    return info;
}

// The BTF that the kernel keeps of a loaded program.
btf *btf_of_program(int fd) {
    btf *types = btf__load_from_kernel_by_id(info_of_program(fd).btf_id);
    REQUIRE(types != nullptr);
    return types;
}

} // namespace

TEST_CASE("abi.h and the BTF of the loaded objects agree in every struct, member and offset") {
    DataPath path({.mode = XB_MODE_XOR});
    std::map<std::string, int> found;
    for (const char *program : {"xb_tx", "xb_rx", "xb_xdp", "xb_learn"}) {
        btf *types = btf_of_program(path.program_fd(program));
        for (__u32 id = 1; id < btf__type_cnt(types); id++) {
            const btf_type *type = btf__type_by_id(types, id);
            const auto known = abi.find(btf__name_by_offset(types, type->name_off));
            if (!btf_is_struct(type) || known == abi.end()) {
                continue;
            }
            INFO(known->first << " in " << program);
            CHECK(layout_of(types, type) == known->second);
            found[known->first]++;
        }
        btf__free(types);
    }
    for (const auto &entry : abi) {
        INFO(entry.first);
        CHECK(found[entry.first] > 0);
    }
}

// The verifier gives up at a million, and a controller waits for it: 785,000 take 26 s, and a partner's patience with
// them.
TEST_CASE("no mode has the verifier walk more than 200,000 instructions of a program") {
    for (std::uint32_t mode = XB_MODE_ROUNDROBIN; mode <= XB_MODE_ALB; mode++) {
        DataPath path({.mode = mode, .policy = XB_POLICY_ENCAP34, .packets_per_slave = 1, .tlb_dynamic_lb = 1});
        for (const char *program : {"xb_tx", "xb_rx", "xb_xdp"}) {
            INFO(program << " in mode " << mode);
            const auto walked = info_of_program(path.program_fd(program)).verified_insns;
            CHECK(walked > 0);
            CHECK(walked < 200000); // balance-alb: 114,000
        }
    }
}

TEST_CASE("the maps have the types, sizes and flags that abi.h names") {
    DataPath path({.mode = XB_MODE_XOR});
    struct Expected {
        const char *name;
        __u32 type, value_size, entries, flags;
    };
    for (const Expected &e : {Expected{XB_TABLE_SECTION, BPF_MAP_TYPE_ARRAY, sizeof(xb_table), 1, BPF_F_MMAPABLE},
                              {XB_STAMPS_SECTION, BPF_MAP_TYPE_ARRAY, sizeof(xb_stamps), 1, BPF_F_MMAPABLE},
                              {XB_LB_SECTION, BPF_MAP_TYPE_ARRAY, sizeof(xb_lb), 1, BPF_F_MMAPABLE},
                              {XB_MAP_OWN4, BPF_MAP_TYPE_HASH, 1, XB_OWN_ENTRIES, BPF_F_NO_PREALLOC},
                              {XB_MAP_OWN6, BPF_MAP_TYPE_HASH, 1, XB_OWN_ENTRIES, BPF_F_NO_PREALLOC},
                              {XB_MAP_STATS, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(xb_counters), XB_STATS_ENTRIES, 0},
                              {XB_MAP_EVENTS, BPF_MAP_TYPE_RINGBUF, 0, XB_EVENTS_BYTES, 0},
                              {XB_MAP_WATCH, BPF_MAP_TYPE_ARRAY, sizeof(xb_watch), 1, 0},
                              {XB_MAP_XSK, BPF_MAP_TYPE_XSKMAP, sizeof(__u32), XB_XSK_ENTRIES, 0},
                              {XB_MAP_CHAIN, BPF_MAP_TYPE_PROG_ARRAY, sizeof(__u32), 1, 0},
                              {XB_MAP_OUT, BPF_MAP_TYPE_DEVMAP, sizeof(__u32), XB_MAX_SLAVES, 0x80},
                              {XB_MAP_ALL, BPF_MAP_TYPE_DEVMAP, sizeof(__u32), XB_MAX_SLAVES, 0x80},
                              {XB_MAP_XSK_APPS, BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(__u32), XB_XSK_RULES, 0}}) {
        INFO(e.name);
        bpf_map_info info{};
        __u32 size = sizeof(info);
        REQUIRE(bpf_obj_get_info_by_fd(path.map_fd(e.name), &info, &size) == 0);
        CHECK(std::string(info.name) == e.name);
        CHECK(info.type == e.type);
        CHECK(info.value_size == e.value_size);
        CHECK(info.max_entries == e.entries);
        CHECK(info.map_flags == e.flags);
    }
}

TEST_CASE("every object verifies on this kernel for every mode and policy") {
    for (const auto &[carrier, name] :
         {std::pair{Carrier::kfunc, "kfunc"}, {Carrier::probe, "probe_read"}, {Carrier::none, "no carrier check"}}) {
        if (!carrier_available(carrier)) {
            std::cout << "SKIPPED: this kernel cannot read carrier by " << name << "\n";
            continue;
        }
        for (const __u32 mode : {XB_MODE_ROUNDROBIN, XB_MODE_ACTIVEBACKUP, XB_MODE_BROADCAST}) {
            CHECK_NOTHROW(DataPath({.mode = mode, .packets_per_slave = 2}, carrier));
        }
        for (__u32 policy = 0; policy < XB_N_POLICIES; policy++) {
            for (const __u32 mode : {XB_MODE_XOR, XB_MODE_8023AD}) {
                CHECK_NOTHROW(DataPath({.mode = mode, .policy = policy}, carrier));
            }
        }
        for (const __u32 mode : {XB_MODE_TLB, XB_MODE_ALB}) {
            for (const __u32 dynamic : {0U, 1U}) {
                CHECK_NOTHROW(
                    DataPath({.mode = mode, .policy = XB_POLICY_LAYER34, .tlb_dynamic_lb = dynamic}, carrier));
            }
        }
    }
}

TEST_CASE("a mode that the data path does not know drops") {
    DataPath path({.mode = 77});
    path.bank().n_pick = 1;
    CHECK(path.tx(Packet(test_mac(1), test_mac(2)).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build()).verdict == 2);
}
