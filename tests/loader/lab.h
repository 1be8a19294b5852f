// SPDX-License-Identifier: MIT
// A laboratory for the loader: network and mount namespaces of the test process alone, a bpffs, a bond's veth pair and
// two slaves whose other ends play the switch. All of it goes with the process, whatever happens.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "common/fd.h"
#include "loader/bpf_calls.h"
#include "loader/datapath.h"
#include "loader/hook/hook.h"
#include "tests/harness/device.h"
#include "tests/harness/packet_socket.h"

namespace xbond::test {

bool tc_shows(const std::string &arguments, const std::string &text); // tc(8) prints this text

inline constexpr MacAddr bond_mac{{2, 0, 0, 0, 0, 0xbb}};

// A raw socket on a device, for the test's own ethertype.
class Wire {
public:
    explicit Wire(const std::string &device);
    void bypass_qdisc() const { harness::bypass_qdisc(socket_); }
    void send(const MacAddr &destination) const;
    std::uint64_t received(); // frames since construction
private:
    Fd socket_;
    std::uint64_t received_ = 0;
};

// Sends some 10,000 frames a second from a thread of its own until it is stopped.
class Load {
public:
    Load(const std::string &device, const MacAddr &destination);
    ~Load();
    std::uint64_t sent() const { return sent_; }
    std::uint64_t stop(); // the number of frames sent

private:
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> sent_{0};
    std::thread thread_;
};

class Lab {
public:
    Lab();
    ~Lab();
    Lab(const Lab &) = delete;
    Lab &operator=(const Lab &) = delete;

    std::filesystem::path bpffs() const { return "/mnt/bpf"; }
    loader::DataPath::Config config(Mode mode = Mode::active_backup) const;
};

// The features of this kernel; with the name of a kind of hook, those of a kernel that has no better one.
loader::Features features(std::string_view hook = {});

// The kinds of hook that this kernel has, best first.
std::vector<const loader::HookKind *> hooks();

// A data path with both slaves in slots 0 and 1, nothing published.
loader::DataPath make_path(const Lab &lab, const loader::Features &features, Mode mode = Mode::active_backup);

// Both slaves known, all picks on `slot`, no fallback.
loader::Bank bank_on(SlotId slot);

// A program of somebody else: lets everything through.
Fd foreign_program(bool xdp);

// How many programs of tcx links are on a hook.
std::size_t programs_on(loader::HookPoint where);

template <typename T> T need(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*result);
    }
}

} // namespace xbond::test
