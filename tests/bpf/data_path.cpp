// SPDX-License-Identifier: MIT
#include "tests/bpf/data_path.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <thread>

#include "tests/harness/device.h"
#include "tests/harness/netns.h"

#include "probe_select.skel.h"
#include "probe_xdp.skel.h"
#include "xb_fwd_kfunc.skel.h"
#include "xb_fwd_none.skel.h"
#include "xb_fwd_probe.skel.h"
#include "xb_port_kfunc.skel.h"
#include "xb_port_none.skel.h"
#include "xb_port_probe.skel.h"
#include "xb_rx.skel.h"
#include "xb_tx_kfunc.skel.h"
#include "xb_tx_none.skel.h"
#include "xb_tx_probe.skel.h"
#include "xb_watch_kfunc.skel.h"
#include "xb_watch_probe.skel.h"
#include "xb_xdp.skel.h"

namespace xbond::test {
namespace {

[[noreturn]] void throw_error(int error, const std::string &what) {
    throw std::system_error(error < 0 ? -error : error, std::system_category(), what);
}

template <class T> T *map_memory(int fd) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t size = (sizeof(T) + page - 1) / page * page;
    void *at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        throw_error(errno, "mmap of a map");
    }
    return static_cast<T *>(at);
}

template <class Skeleton> bool loads() {
    const auto silent = libbpf_set_print(nullptr);
    Skeleton *skeleton = Skeleton::open_and_load();
    libbpf_set_print(silent);
    Skeleton::destroy(skeleton);
    return skeleton != nullptr;
}

} // namespace

void enter_bond_netns() {
    harness::enter_fresh_netns();
    harness::add_veth("bond0", "bond0p");
}

bool carrier_available(Carrier carrier) {
    switch (carrier) {
    case Carrier::kfunc:
        return loads<xb_watch_kfunc>();
    case Carrier::probe:
        return loads<xb_watch_probe>();
    case Carrier::none:
        return true;
    }
    return false;
}

Carrier best_carrier() {
    static const Carrier best = carrier_available(Carrier::kfunc)   ? Carrier::kfunc
                                : carrier_available(Carrier::probe) ? Carrier::probe
                                                                    : Carrier::none;
    return best;
}

template <class Skeleton> void DataPath::load(const xb_config &config) {
    Skeleton *skeleton = Skeleton::open();
    if (!skeleton) {
        throw_error(errno, "open of a skeleton");
    }
    objects_.push_back(std::shared_ptr<Skeleton>(skeleton, Skeleton::destroy));
    if constexpr (requires { skeleton->rodata->xb_cfg; }) {
        skeleton->rodata->xb_cfg = config;
    }
    bpf_map *map;
    bpf_object__for_each_map(map, skeleton->obj) {
        const auto known = maps_.find(bpf_map__name(map));
        if (known != maps_.end() && bpf_map__reuse_fd(map, known->second) != 0) {
            throw_error(errno, "reuse of map " + known->first);
        }
    }
    if (const int error = Skeleton::load(skeleton)) {
        throw_error(error, std::string("load of ") + bpf_object__name(skeleton->obj));
    }
    bpf_object__for_each_map(map, skeleton->obj) {
        if (const std::string_view name = bpf_map__name(map);
            !bpf_map__is_internal(map) || name.starts_with(".data.xb_")) {
            maps_.emplace(bpf_map__name(map), bpf_map__fd(map));
        }
    }
    bpf_program *program;
    bpf_object__for_each_program(program, skeleton->obj) {
        programs_[bpf_program__name(program)] = bpf_program__fd(program);
    }
}

DataPath::DataPath(const xb_config &config, Carrier carrier) : config_(config), carrier_(carrier) {
    libbpf_set_print([](libbpf_print_level level, const char *format, va_list args) {
        return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
    });
    switch (carrier) {
    case Carrier::kfunc:
        load<xb_tx_kfunc>(config);
        load<xb_watch_kfunc>(config);
        break;
    case Carrier::probe:
        load<xb_tx_probe>(config);
        load<xb_watch_probe>(config);
        break;
    case Carrier::none:
        load<xb_tx_none>(config);
        break;
    }
    load<xb_rx>(config);
    load<xb_xdp>(config);
    table_ = map_memory<xb_table>(map_fd(XB_TABLE_SECTION));
    table_->layout = XB_LAYOUT_VERSION;
    stamps_ = map_memory<xb_stamps>(map_fd(XB_STAMPS_SECTION));
    lb_ = map_memory<xb_lb>(map_fd(XB_LB_SECTION));
    ports_ = map_memory<xb_ports>(map_fd(XB_PORTS_SECTION));
    set_visibility(false);
    if (carrier != Carrier::none) {
        load<probe_select>(config);
        probe_ = map_memory<xb_probe>(map_fd("xb_probe_map"));
    }
}

DataPath::~DataPath() {
    munmap(table_, sizeof(*table_));
    munmap(stamps_, sizeof(*stamps_));
    munmap(lb_, sizeof(*lb_));
    munmap(ports_, sizeof(*ports_));
    if (probe_) {
        munmap(probe_, sizeof(*probe_));
    }
}

void DataPath::set_visibility(bool full) {
    for (xb_bank &bank : table_->banks) {
        bank.flags = full ? static_cast<__u32>(XB_BANK_FULL_VISIBILITY) : 0;
        bank.entry_ifindex = full ? config_.peer_ifindex : config_.bond_ifindex;
        bank.entry_flags = full ? 0 : static_cast<__u32>(BPF_F_INGRESS);
    }
}

std::uint32_t DataPath::set_slot(std::uint32_t slot, const std::string &interface) {
    const std::uint32_t index = harness::ifindex(interface);
    if (programs_.count("xb_learn")) {
        RunContext context;
        context.ifindex = index;
        context.mark = slot;
        if (run_tc("xb_learn", Bytes(64), context).verdict != 0 || table_->slot[slot].dev == 0) {
            throw_error(ENODEV, "xb_learn of " + interface);
        }
    }
    table_->slot[slot].ifindex = index;
    if (table_->n_slots <= slot) {
        table_->n_slots = slot + 1;
    }
    return index;
}

Run DataPath::run(const std::string &program, const Bytes &frame, const void *context, std::uint32_t context_size) {
    Run result;
    result.frame.resize(frame.size() + 256);
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data(), .data_out = result.frame.data(),
                .data_size_in = static_cast<__u32>(frame.size()),
                .data_size_out = static_cast<__u32>(result.frame.size()), .ctx_in = context,
                .ctx_size_in = context_size, .repeat = 1);
    if (const int error = bpf_prog_test_run_opts(program_fd(program), &opts)) {
        throw_error(error, "BPF_PROG_TEST_RUN of " + program);
    }
    result.verdict = static_cast<int>(opts.retval);
    result.frame.resize(opts.data_size_out);
    return result;
}

Run DataPath::run_tc(const std::string &program, const Bytes &frame, const RunContext &context) {
    __sk_buff skb{};
    skb.ifindex = context.ifindex;
    skb.mark = context.mark;
    skb.gso_segs = context.gso_segs;
    return run(program, frame, &skb, sizeof(skb));
}

Run DataPath::tx(const Bytes &frame, const RunContext &context) { return run_tc("xb_tx", frame, context); }

Run DataPath::rx(const Bytes &frame, const RunContext &context) { return run_tc("xb_rx", frame, context); }

Run DataPath::xdp(const Bytes &frame, const RunContext &context) {
    xdp_md md{};
    md.data_end = static_cast<__u32>(frame.size());
    md.ingress_ifindex = context.ifindex;
    md.rx_queue_index = context.rx_queue;
    return run("xb_xdp", frame, &md, sizeof(md));
}

xb_probe DataPath::run_probe(const std::string &program, const Bytes &frame, const xb_probe &knobs) {
    *probe_ = knobs;
    probe_->length = static_cast<__u32>(frame.size());
    Bytes padded = frame;
    padded.resize(std::max<std::size_t>(frame.size(), 128));
    if (run_tc(program, padded, {}).verdict != 0) {
        throw_error(EIO, "the probe program " + program);
    }
    return *probe_;
}

xb_probe DataPath::select(const Bytes &frame, std::uint32_t vlan_tci, std::uint32_t queue_mapping) {
    return run_probe("probe_select", frame, {.queue_mapping = queue_mapping, .vlan_tci = vlan_tci});
}

xb_probe DataPath::select_xdp(const Bytes &frame) {
    if (!programs_.contains("probe_xdp")) { // dear to verify, and few tests ask
        load<probe_xdp>(config_);
    }
    *probe_ = {};
    xdp_md md{};
    md.data_end = static_cast<__u32>(frame.size());
    if (run("probe_xdp", frame, &md, sizeof(md)).verdict != XDP_PASS) {
        throw_error(EIO, "the probe program probe_xdp");
    }
    return *probe_;
}

void DataPath::load_port_programs() {
    if (programs_.contains("xb_fwd")) {
        return;
    }
    switch (carrier_) {
    case Carrier::kfunc:
        load<xb_fwd_kfunc>(config_);
        load<xb_port_kfunc>(config_);
        break;
    case Carrier::probe:
        load<xb_fwd_probe>(config_);
        load<xb_port_probe>(config_);
        break;
    case Carrier::none:
        load<xb_fwd_none>(config_);
        load<xb_port_none>(config_);
        break;
    }
}

Run DataPath::fwd(const Bytes &frame, std::uint32_t port) {
    load_port_programs();
    xdp_md md{};
    md.data_end = static_cast<__u32>(frame.size());
    md.ingress_ifindex = port;
    return run("xb_fwd", frame, &md, sizeof(md));
}

Run DataPath::port(const Bytes &frame, std::uint32_t port) {
    load_port_programs();
    return run_tc("xb_port", frame, {.ifindex = port});
}

xb_probe DataPath::classify(const Bytes &frame, std::uint32_t vlan_tci) {
    return run_probe("probe_classify", frame, {.vlan_tci = vlan_tci});
}

void DataPath::arm_watch(std::uint32_t interval_us) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (;;) {
        const int refusal = run_tc("xb_watch_arm", Bytes(64), {.mark = interval_us}).verdict;
        if (refusal == 0) {
            return;
        }
        if (refusal != ENOMEM || std::chrono::steady_clock::now() > deadline) { // the loader waits for memory too
            throw_error(refusal, "xb_watch_arm");
        }
        std::this_thread::yield();
    }
}

xb_watch DataPath::watch() const {
    const std::uint32_t key = 0;
    xb_watch value{};
    if (bpf_map_lookup_elem(map_fd(XB_MAP_WATCH), &key, &value) != 0) {
        throw_error(errno, "lookup of xb_watch");
    }
    return value;
}

xb_counters DataPath::counters(std::uint32_t entry) const {
    std::vector<xb_counters> cpus(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    if (bpf_map_lookup_elem(map_fd(XB_MAP_STATS), &entry, cpus.data()) != 0) {
        throw_error(errno, "lookup of xb_stats");
    }
    constexpr std::size_t fields = sizeof(xb_counters) / sizeof(__u64);
    xb_counters sum{};
    for (const xb_counters &cpu : cpus) {
        for (std::size_t i = 0; i < fields; i++) {
            reinterpret_cast<__u64 *>(&sum)[i] += reinterpret_cast<const __u64 *>(&cpu)[i];
        }
    }
    return sum;
}

std::vector<xb_event> DataPath::events() {
    std::vector<xb_event> list;
    const auto add = [](void *to, void *data, std::size_t) {
        static_cast<std::vector<xb_event> *>(to)->push_back(*static_cast<xb_event *>(data));
        return 0;
    };
    ring_buffer *ring = ring_buffer__new(map_fd(XB_MAP_EVENTS), add, &list, nullptr);
    if (!ring) {
        throw_error(errno, "ring buffer");
    }
    ring_buffer__consume(ring);
    ring_buffer__free(ring);
    return list;
}

} // namespace xbond::test
