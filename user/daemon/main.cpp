// SPDX-License-Identifier: MIT
// xbondd: one per network namespace, in the foreground.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <linux/capability.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/daemon/daemon.h"
#include "user/daemon/log.h"
#include "user/sys/netns.h"

namespace {

std::optional<std::filesystem::path> absolute(const std::string &path) {
    if (path.empty()) {
        return std::nullopt;
    }
    return std::filesystem::absolute(path);
}

// A bond of two slaves in 802.3ad takes some 20 descriptors, and the usual soft limit is 1024.
void take_all_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

// What a controller needs of root's rights, and nothing else; before any thread is started. CAP_SYS_ADMIN: programs and
// maps are found again by their ids, and devices that were moved away in other network namespaces (with
// CAP_SYS_PTRACE). CAP_NET_BROADCAST: what happens where a bond's device lives. CAP_IPC_LOCK: memory of AF_XDP sockets.
// CAP_DAC_READ_SEARCH: a config file that is not root's.
void drop_rights() {
    constexpr std::array kept{CAP_NET_ADMIN, CAP_NET_RAW,  CAP_NET_BROADCAST, CAP_BPF,      CAP_PERFMON,
                              CAP_SYS_ADMIN, CAP_SYS_NICE, CAP_SYS_PTRACE,    CAP_IPC_LOCK, CAP_DAC_READ_SEARCH};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> rights{};
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    if (::syscall(SYS_capget, &header, rights.data()) != 0) {
        return;
    }
    std::array<std::uint32_t, _LINUX_CAPABILITY_U32S_3> mask{};
    for (const auto one : kept) {
        mask.at(CAP_TO_INDEX(one)) |= CAP_TO_MASK(one);
    }
    for (int one = 0; one <= CAP_LAST_CAP; ++one) {
        if (std::ranges::find(kept, one) == kept.end()) {
            (void)::prctl(PR_CAPBSET_DROP, one, 0, 0, 0); // of what it might start; EINVAL: an older kernel
        }
    }
    for (std::size_t i = 0; i < rights.size(); ++i) {
        rights.at(i).effective &= mask.at(i);
        rights.at(i).permitted &= mask.at(i);
        rights.at(i).inheritable = 0;
    }
    (void)::syscall(SYS_capset, &header, rights.data());
    (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int report(const xbond::Error &error) {
    spdlog::error("{}", error.message);
    return 1;
}

} // namespace

int main(int argc, char **argv) {
    xbond::daemon::start_log();
    take_all_descriptors();

    CLI::App app{"xbond's controller: link bonding with eBPF, one daemon per network namespace"};
    std::string config, socket, state_dir, bpffs, carrier_check, log_level = "info";
    bool teardown = false;
    app.add_option("--config", config, "JSON file with the bonds to make");
    app.add_option("--socket", socket, "control socket (default /run/xbond/<netns inode>/control)");
    app.add_option("--state-dir", state_dir, "saved state (default /run/xbond/<netns inode>/state)");
    app.add_option("--bpffs", bpffs, "bpf file system for pins (default /sys/fs/bpf, mounted if missing)");
    app.add_option("--carrier-check", carrier_check, "at most this variant of the per-packet carrier check")
        ->check(CLI::IsMember({"kfunc", "probe_read", "probe", "none"}));
    app.add_option("--log-level", log_level, "debug, info, warn or error")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
    app.add_flag("--teardown", teardown, "remove every bond of this network namespace, restore the slaves, and exit");
    app.set_version_flag("--version", XBOND_VERSION);
    CLI11_PARSE(app, argc, argv);
    spdlog::set_level(spdlog::level::from_str(log_level));

    // Paths first: settling the mount namespace changes the working directory.
    xbond::daemon::Settings settings;
    settings.config = absolute(config);
    auto wanted_socket = absolute(socket);
    auto wanted_state = absolute(state_dir);
    auto netns = xbond::sys::netns_inode();
    if (!netns) {
        return report(netns.error());
    }
    auto mounted = xbond::sys::settle_bpffs(absolute(bpffs));
    if (!mounted) {
        return report(mounted.error());
    }
    drop_rights(); // what is mounted is mounted, and descriptors are ours
    settings.netns = *netns;
    settings.bpffs = *mounted;
    settings.socket = wanted_socket.value_or(xbond::sys::default_socket(*netns));
    settings.state_dir = wanted_state.value_or(xbond::sys::default_state_dir(*netns));
    if (!carrier_check.empty()) {
        using xbond::loader::CarrierCheck;
        settings.carrier_check = carrier_check == "kfunc"  ? CarrierCheck::kfunc
                                 : carrier_check == "none" ? CarrierCheck::none
                                                           : CarrierCheck::probe_read;
    }

    // An exception here is a bug: the data path goes on forwarding, and the log says what it was.
    try {
        xbond::daemon::Daemon daemon(std::move(settings));
        if (teardown) {
            auto done = daemon.teardown();
            return done ? 0 : report(done.error());
        }
        auto code = daemon.run();
        return code ? *code : report(code.error());
    } catch (const std::exception &e) {
        return report({EIO, std::string("unexpected: ") + e.what()});
    }
}
