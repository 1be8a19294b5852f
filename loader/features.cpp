// SPDX-License-Identifier: MIT
#include "loader/features.h"

#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

#include "loader/bpf_calls.h"
#include "loader/hook/hook.h"
#include "loader/programs.h"

namespace xbond::loader {
namespace {

// The smallest TC program: returns TC_ACT_UNSPEC.
Result<Fd> load_nothing() {
    std::array<bpf_insn, 2> code{};
    code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    code[0].imm = -1;
    code[1].code = BPF_JMP | BPF_EXIT;
    Fd program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "xb_nothing", "GPL", code.data(), code.size(), nullptr));
    if (!program) {
        return kernel_error(errno,
                            "cannot load a BPF program (CAP_BPF, CAP_NET_ADMIN and a kernel with BPF_SYSCALL and "
                            "NET_CLS_BPF are needed)");
    }
    return program;
}

// The best kind of hook, and an entry for each that not every kernel has.
void detect_hooks(int prog_fd, Features &features) {
    const auto works = [prog_fd](const HookKind *kind) { return kind->try_out(prog_fd).has_value(); };
    features.hook = *std::ranges::find_if(hook_kinds(), works);
    for (const HookKind *kind : hook_kinds()) {
        if (kind->feature().empty()) {
            continue;
        }
        const auto attaches = kind->try_out(prog_fd);
        std::string detail(attaches ? kind->means() : features.hook->means());
        if (!attaches) {
            detail += std::string(" are used instead (") + std::strerror(attaches.error().code) + ")";
        }
        features.list.push_back({std::string(kind->feature()), attaches.has_value(), std::move(detail)});
    }
}

struct Loaded {
    Maps maps; // no timer starts in a map that nobody holds
    Programs programs;
};

Result<Loaded> load(ObjectKind kind, CarrierCheck check) {
    Loaded loaded;
    XB_TRY_VOID(make_maps({&kind, 1}, check, loaded.maps));
    XB_TRY(programs, load_programs({&kind, 1}, {}, check, loaded.maps));
    loaded.programs = std::move(*programs);
    return loaded;
}

struct CarrierFeature {
    Feature feature;
    Result<Loaded> watch; // to try the timer with
};

// The object that learns the devices and watches them; where this check would be used also the transmit program.
CarrierFeature detect_carrier(CarrierCheck check, bool would_be_used) {
    const std::string feature = "carrier_" + std::string(name(check));
    auto watch = load(ObjectKind::watch, check);
    if (!watch) {
        return {{feature, false, watch.error().message}, std::move(watch)};
    }
    if (would_be_used) {
        if (const auto tx = load(ObjectKind::tx, check); !tx) {
            return {{feature, false, tx.error().message}, std::move(watch)};
        }
    }
    return {{feature, true, "loads"}, std::move(watch)};
}

Feature detect_timer(const Result<Loaded> &watch) {
    const auto armed = watch ? arm_watch(watch->programs.watch_arm.get(), 0, Ms(1)) : tl::unexpected(watch.error());
    if (armed) {
        return {"bpf_timer", true, "carrier watch without traffic"};
    }
    return {"bpf_timer", false, "no carrier watch: " + armed.error().message};
}

Feature detect_freplace() {
    if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, nullptr) == 1) {
        return {"freplace", true, "XDP programs share a device through libxdp's dispatcher"};
    }
    return {"freplace", false, "one XDP program a device, without libxdp's dispatcher"};
}

Feature detect_af_xdp() {
    if (const Fd socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)); socket) {
        return {"af_xdp", true, "slow protocols can be read through AF_XDP"};
    }
    return {"af_xdp", false,
            std::string("no xdp, slow protocols are read through AF_PACKET (") + std::strerror(errno) + ")"};
}

} // namespace

std::string_view name(CarrierCheck c) {
    switch (c) {
    case CarrierCheck::kfunc:
        return "kfunc";
    case CarrierCheck::probe_read:
        return "probe_read";
    case CarrierCheck::none:
        break;
    }
    return "none";
}

Result<Features> detect_features() {
    capture_library_log();
    XB_TRY(nothing, load_nothing());
    Features features;
    const auto add = [&features](Feature feature) {
        features.list.push_back(std::move(feature));
        return features.list.back().available;
    };
    detect_hooks(nothing->get(), features);
    Result<Loaded> watch = fail(EOPNOTSUPP, "no carrier check");
    for (const CarrierCheck check : {CarrierCheck::kfunc, CarrierCheck::probe_read}) {
        const bool first = features.carrier == CarrierCheck::none;
        CarrierFeature found = detect_carrier(check, first);
        if (!add(found.feature) || !first) {
            continue;
        }
        features.carrier = check;
        watch = std::move(found.watch);
    }
    features.bpf_timer = add(detect_timer(watch));
    features.freplace = add(detect_freplace());
    features.af_xdp = add(detect_af_xdp());
    return features;
}

} // namespace xbond::loader
