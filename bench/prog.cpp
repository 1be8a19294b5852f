// SPDX-License-Identifier: MIT
// xb_bench_prog: ns per packet of every data path program by BPF_PROG_TEST_RUN, beside an empty TC program measured in
// the same run. Google Benchmark repeats all cases in random order; medians and spread are printed.
//   xb_bench_prog [--packets=N] [--benchmark_repetitions=N] [--benchmark_filter=RE] [--benchmark_out=FILE.json]
#include <algorithm>
#include <benchmark/benchmark.h>
#include <bpf/bpf.h>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <linux/bpf.h>
#include <memory>
#include <sys/utsname.h>
#include <system_error>

#include "tests/bpf/data_path.h"
#include "tests/harness/device.h"
#include "tests/harness/packet.h"

namespace {

using namespace xbond::harness;
using namespace xbond::test;

constexpr std::uint32_t bond_ifindex = 1; // a test run without a device is on lo, so lo stands for bond0
constexpr const char *baseline = "empty";

std::uint32_t packets = 100'000; // a measurement

// A program and what it is run on; rx_ifindex 0 = lo.
struct Case {
    std::string name;
    int program_fd = -1;
    Bytes frame;
    std::uint32_t rx_ifindex = 0;
    bool xdp = false;
};

void measure(benchmark::State &state, const Case &c) {
    __sk_buff skb{};
    skb.ifindex = c.rx_ifindex;
    xdp_md md{};
    md.data_end = static_cast<__u32>(c.frame.size());
    md.ingress_ifindex = c.rx_ifindex;
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = c.frame.data(), .data_size_in = static_cast<__u32>(c.frame.size()),
                .repeat = static_cast<int>(packets));
    if (c.xdp) {
        opts.ctx_in = &md;
        opts.ctx_size_in = sizeof md;
    } else {
        opts.ctx_in = &skb;
        opts.ctx_size_in = sizeof skb;
    }
    for ([[maybe_unused]] auto iteration : state) {
        if (bpf_prog_test_run_opts(c.program_fd, &opts) != 0) {
            state.SkipWithError(std::generic_category().message(errno).c_str());
            return;
        }
        state.SetIterationTime(opts.duration * 1e-9); // the kernel's mean over the packets
    }
}

int empty_program() {
    const bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0}, {.code = BPF_JMP | BPF_EXIT}};
    return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "empty", "GPL", code, std::size(code), nullptr);
}

// As a program does that knows one device: r0 = redirect_map(map, 0, 0).
int plain_redirect(int map) {
    const bpf_insn code[] = {
        {.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
        {},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
        {.code = BPF_JMP | BPF_EXIT}};
    return bpf_prog_load(BPF_PROG_TYPE_XDP, "plain", "GPL", code, std::size(code), nullptr);
}

// Every program set under measurement; the objects stay loaded until the end.
class Cases {
public:
    Cases() {
        enter_bond_netns();
        for (const char *slave : {"a0", "a1"}) {
            add_veth(slave);
        }
        list_.push_back({baseline, empty_program(), udp()});
        add_carrier_checks();
        add_modes();
        add_balance();
        add_frames();
        add_failover();
        add_receive();
        add_monitor();
        add_ports();
    }
    const std::vector<Case> &list() const { return list_; }

private:
    static Bytes udp(const xbond::MacAddr &to = test_mac(0x99)) {
        return Packet(to, test_mac(1)).ipv4("10.9.0.1", "10.1.0.2").udp(1000, 9000).payload(18).build();
    }

    DataPath &load(std::uint32_t mode, std::uint32_t policy, std::uint32_t per_slave, Carrier carrier) {
        const xb_config config{bond_ifindex, ifindex("bond0p"), mode, policy, per_slave, 1};
        sets_.push_back(std::make_unique<DataPath>(config, carrier));
        DataPath &set = *sets_.back();
        set.set_slot(0, "a0");
        set.set_slot(1, "a1");
        xb_bank &bank = set.bank();
        bank.n_pick = mode == XB_MODE_ACTIVEBACKUP ? 1 : 2;
        std::ranges::fill(bank.pick, std::uint8_t{XB_NO_SLOT});
        bank.pick[0] = 0;
        bank.pick[1] = mode == XB_MODE_ACTIVEBACKUP ? XB_NO_SLOT : 1;
        bank.active = bank.igmp = 0;
        for (xb_bank_slot &slot : bank.slot) {
            slot.fallback = XB_NO_SLOT;
        }
        bank.slot[0].fallback = 1;
        bank.slot[1].fallback = 0;
        return set;
    }

    void add_tx(const std::string &name, const DataPath &set, const Bytes &frame) {
        list_.push_back({"tx/" + name, set.program_fd("xb_tx"), frame});
    }

    struct Set {
        const char *name;
        std::uint32_t mode, policy, per_slave;
    };

    void add_modes() { // with the best carrier check
        for (const Set &s : {Set{"balance-rr/packets_per_slave=0", XB_MODE_ROUNDROBIN, 0, 0},
                             Set{"balance-rr/packets_per_slave=8", XB_MODE_ROUNDROBIN, 0, 8},
#define XB_SET(number, constant, name, keyword, function) Set{"balance-xor/" keyword, XB_MODE_XOR, constant, 1},
                             XB_POLICIES(XB_SET)
#undef XB_SET
                                 Set{"broadcast", XB_MODE_BROADCAST, 0, 1}}) { // sends its copies for real
            if (s.policy != XB_POLICY_LAYER34) {                               // that one is among the carrier checks
                add_tx(s.name, load(s.mode, s.policy, s.per_slave, best_carrier()), udp());
            }
        }
    }

    // Beside balance-xor/layer3+4: a bucket of the active slave, and of the other one, whose address the frame then
    // gets.
    void add_balance() {
        for (const auto &[mode, name] :
             {std::pair{XB_MODE_TLB, "balance-tlb"}, std::pair{XB_MODE_ALB, "balance-alb"}}) {
            for (const auto &[owner, slave] : {std::pair{1U, "/active"}, std::pair{2U, "/other"}}) {
                DataPath &set = load(mode, XB_POLICY_LAYER34, 1, best_carrier());
                for (xb_bucket &bucket : set.lb().bucket) {
                    bucket.owner = owner;
                }
                add_tx(std::string(name) + slave, set, udp());
            }
        }
    }

    void add_carrier_checks() {
        for (const auto &[carrier, check] :
             {std::pair{Carrier::kfunc, "/check=kfunc"}, std::pair{Carrier::probe, "/check=probe_read"},
              std::pair{Carrier::none, "/check=none"}}) {
            if (!carrier_available(carrier)) {
                continue;
            }
            for (const Set &s :
                 {Set{"balance-rr", XB_MODE_ROUNDROBIN, 0, 1}, Set{"active-backup", XB_MODE_ACTIVEBACKUP, 0, 1},
                  Set{"balance-xor/layer3+4", XB_MODE_XOR, XB_POLICY_LAYER34, 1}}) {
                add_tx(std::string(s.name) + check, load(s.mode, s.policy, s.per_slave, carrier), udp());
            }
        }
    }

    void add_frames() { // what other headers cost
        const DataPath &set = load(XB_MODE_XOR, XB_POLICY_LAYER34, 1, best_carrier());
        add_tx("frame/ipv6", set,
               Packet(test_mac(0x99), test_mac(1)).ipv6("fd00::1", "fd00::2").udp(1000, 9000).payload(18).build());
        add_tx("frame/vlan", set,
               Packet(test_mac(0x99), test_mac(1))
                   .vlan(100)
                   .ipv4("10.9.0.1", "10.1.0.2")
                   .udp(1000, 9000)
                   .payload(18)
                   .build());
        const DataPath &encap = load(XB_MODE_XOR, XB_POLICY_ENCAP34, 1, best_carrier());
        add_tx("frame/ipip-encap3+4", encap,
               Packet(test_mac(0x99), test_mac(1))
                   .ipv4("10.9.0.1", "10.1.0.2")
                   .ipv4("10.8.0.1", "10.8.0.2")
                   .udp(1000, 9000)
                   .payload(18)
                   .build());
    }

    void add_failover() { // the chosen slave has no carrier: the packet takes the fallback
        if (best_carrier() == Carrier::none) {
            return;
        }
        add_veth("dead0");
        set_carrier("dead0", false);
        DataPath &set = load(XB_MODE_ACTIVEBACKUP, 0, 1, best_carrier());
        set.set_slot(0, "dead0");
        add_tx("active-backup/fallback", set, udp());
    }

    void add_receive() {
        DataPath &set = load(XB_MODE_ACTIVEBACKUP, 0, 1, best_carrier());
        const std::uint32_t active = set.table().slot[0].ifindex, backup = set.table().slot[1].ifindex;
        const Bytes flood = Packet(mac_broadcast, test_mac(1)).arp_request(test_mac(1), "10.0.0.1", "10.0.0.2").build();
        set.bank().slot[1].flags = XB_SLOT_SUPPRESS | XB_SLOT_EARLY_DROP;
        const int rx = set.program_fd("xb_rx"), xdp = set.program_fd("xb_xdp");
        list_.push_back({"rx/active", rx, udp(), active});
        list_.push_back({"rx/suppressed", rx, flood, backup});
        list_.push_back({"xdp/pass", xdp, udp(), active, true});
        list_.push_back({"xdp/drop", xdp, flood, backup, true});
    }

    // What xb_fwd costs a port's frame over a program that redirects all to one slave through a DEVMAP: what the kernel
    // does for the redirect then is the same for both, and not in these.
    void add_ports() {
        const std::uint32_t port = ifindex("bond0p");
        for (const Set &s :
             {Set{"active-backup", XB_MODE_ACTIVEBACKUP, 0, 1}, Set{"balance-rr", XB_MODE_ROUNDROBIN, 0, 1},
              Set{"balance-xor/layer3+4", XB_MODE_XOR, XB_POLICY_LAYER34, 1}}) {
            DataPath &set = load(s.mode, s.policy, s.per_slave, best_carrier());
            set.bank().how =
                XB_HOW_TOLD | s.mode << XB_HOW_MODE | s.policy << XB_HOW_POLICY | s.per_slave << XB_HOW_PER_SLAVE;
            auto &entry = set.ports().port[port % XB_PORTS];
            entry.ifindex = port;
            set.ports().n = XB_PORTS;
            set.ports().flags = XB_PORTS_XDP;
            for (std::uint32_t slot = 0; slot < 2; ++slot) {
                const std::uint32_t slave = set.table().slot[slot].ifindex;
                (void)bpf_map_update_elem(set.map_fd(XB_MAP_OUT), &slot, &slave, BPF_ANY);
            }
            (void)set.fwd(udp(), port); // loads it
            list_.push_back({std::string("fwd/") + s.name, set.program_fd("xb_fwd"), udp(), port, true});
            if (s.mode == XB_MODE_ACTIVEBACKUP) {
                list_.push_back({"fwd/plain-devmap", plain_redirect(set.map_fd(XB_MAP_OUT)), udp(), port, true});
            }
        }
    }

    // What arp_validate costs: the same frames into a data path that validates and into one that does not.
    void add_monitor() {
        for (const auto &[name, flags] : {std::pair{"off", 0}, std::pair{"validate", int{XB_SLOT_HEAR_VALID}}}) {
            DataPath &set = load(XB_MODE_ACTIVEBACKUP, 0, 1, best_carrier());
            const std::uint32_t active = set.table().slot[0].ifindex, target = 0x0200000a, own = 0x0100000a; // 10.0.0.x
            const xbond::MacAddr mac = mac_of("a0"), peer = test_mac(1);
            xb_bank &bank = set.bank();
            bank.slot[0].flags = static_cast<__u8>(flags);
            bank.active = 0;
            bank.monitor.target4[0] = target;
            bank.monitor.n_targets4 = 1;
            bank.monitor.own4[0] = own;
            bank.monitor.n_own4 = 1;
            const int rx = set.program_fd("xb_rx");
            const std::string which = std::string("monitor=") + name;
            list_.push_back({which + "/unicast", rx, udp(mac), active});
            list_.push_back({which + "/answer", rx,
                             Packet(mac, peer).arp_reply(peer, "10.0.0.2", mac, "10.0.0.1").build(), active});
            list_.push_back({which + "/noise", rx,
                             Packet(mac_broadcast, peer).arp_request(peer, "10.0.0.7", "10.0.0.8").build(), active});
        }
    }

    std::vector<std::unique_ptr<DataPath>> sets_;
    std::vector<Case> list_;
};

// median, min and max of each case, and what it costs over the empty program.
class Table : public benchmark::BenchmarkReporter {
public:
    bool ReportContext(const Context &) override { return true; }
    void ReportRuns(const std::vector<Run> &runs) override {
        Row row;
        for (const Run &run : runs) {
            if (run.error_occurred) {
                std::printf("%s: %s\n", run.benchmark_name().c_str(), run.error_message.c_str());
                failed = true;
            } else if (run.run_type == Run::RT_Iteration) {
                row.name = run.run_name.function_name;
                row.ns.push_back(run.real_accumulated_time / static_cast<double>(run.iterations) * 1e9);
            }
        }
        if (!row.ns.empty()) {
            std::ranges::sort(row.ns);
            rows_.push_back(std::move(row));
        }
    }
    void Finalize() override {
        const auto empty = std::ranges::find(rows_, baseline, &Row::name);
        const double base = empty == rows_.end() ? 0 : empty->median();
        std::ranges::sort(rows_, {}, &Row::name); // they come in the random order of the rounds
        std::printf("%-46s %8s %8s %8s %8s %8s\n", "ns per packet", "median", "min", "max", "+empty", "ratio");
        for (const Row &row : rows_) {
            std::printf("%-46s %8.0f %8.0f %8.0f", row.name.c_str(), row.median(), row.ns.front(), row.ns.back());
            if (base > 0) {
                std::printf(" %+8.0f %8.2f", row.median() - base, row.median() / base);
            }
            std::printf("\n");
        }
    }
    bool failed = false;

private:
    struct Row {
        std::string name;
        std::vector<double> ns; // sorted
        double median() const { return (ns[(ns.size() - 1) / 2] + ns[ns.size() / 2]) / 2; }
    };
    std::vector<Row> rows_;
};

std::string cpu_model() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        if (line.starts_with("model name")) {
            return line.substr(line.find(": ") + 2);
        }
    }
    return "unknown";
}

// Takes --packets=N out of the arguments; the rest is Google Benchmark's, behind our defaults.
std::vector<char *> arguments(int argc, char **argv) {
    static std::string defaults[] = {"--benchmark_enable_random_interleaving=true", "--benchmark_repetitions=15"};
    std::vector<char *> args{argv[0], defaults[0].data(), defaults[1].data()};
    for (int i = 1; i < argc; i++) {
        const std::string_view arg = argv[i], key = "--packets=";
        if (!arg.starts_with(key)) {
            args.push_back(argv[i]);
            continue;
        }
        const auto [end, error] = std::from_chars(arg.begin() + key.size(), arg.end(), packets);
        if (error != std::errc() || end != arg.end() || packets == 0) {
            throw std::runtime_error("'" + std::string(arg) + "': expected a number of packets");
        }
    }
    return args;
}

int run(int argc, char **argv) {
    std::vector<char *> args = arguments(argc, argv);
    int count = static_cast<int>(args.size());
    benchmark::Initialize(&count, args.data());
    if (benchmark::ReportUnrecognizedArguments(count, args.data())) {
        return 2;
    }
    utsname kernel{};
    uname(&kernel);
    benchmark::AddCustomContext("kernel", kernel.release);
    benchmark::AddCustomContext("cpu", cpu_model());
    const char *revision = std::getenv("XB_REVISION"); // from bench/run
    benchmark::AddCustomContext("revision", revision ? revision : "unknown");
    const Cases cases;
    for (const Case &c : cases.list()) {
        benchmark::RegisterBenchmark(c.name.c_str(), measure, c)->UseManualTime()->Iterations(1);
    }
    Table table;
    benchmark::RunSpecifiedBenchmarks(&table);
    return table.failed ? 1 : 0;
}

} // namespace

int main(int argc, char **argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception &e) {
        std::fprintf(stderr, "xb_bench_prog: %s\n", e.what());
        return 1;
    }
}
