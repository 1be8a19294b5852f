// SPDX-License-Identifier: MIT
#include "tests/loader/lab.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <bpf/bpf.h>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <sys/mount.h>
#include <sys/socket.h>
#include <system_error>

#include "tests/harness/netns.h"
#include "tests/harness/throw_errno.h"

namespace xbond::test {
namespace {

constexpr std::uint16_t protocol = 0x88b5; // IEEE local experimental

std::array<std::uint8_t, 60> frame(const MacAddr &destination) {
    std::array<std::uint8_t, 60> data{};
    std::copy(destination.bytes.begin(), destination.bytes.end(), data.begin());
    data[6] = 2; // a locally administered source
    data[11] = 1;
    data[12] = static_cast<std::uint8_t>(protocol >> 8);
    data[13] = static_cast<std::uint8_t>(protocol);
    return data;
}

} // namespace

bool tc_shows(const std::string &arguments, const std::string &text) {
    return harness::run(harness::split("tc " + arguments)).out.find(text) != std::string::npos;
}

Wire::Wire(const std::string &device) : socket_(harness::packet_socket(harness::ifindex(device), protocol)) {}

void Wire::send(const MacAddr &destination) const {
    const auto data = frame(destination);
    // ENOBUFS: a program dropped the frame, which is for the test to judge.
    const ssize_t size = ::send(socket_.get(), data.data(), data.size(), 0);
    harness::check(size == static_cast<ssize_t>(data.size()) || errno == ENOBUFS, "send");
}

std::uint64_t Wire::received() {
    std::array<std::uint8_t, 2048> data;
    while (recv(socket_.get(), data.data(), data.size(), MSG_DONTWAIT) > 0) {
        ++received_;
    }
    return received_;
}

Load::Load(const std::string &device, const MacAddr &destination)
    : thread_([this, wire = std::make_shared<Wire>(device), destination] {
          while (!stop_) {
              wire->send(destination);
              ++sent_;
              std::this_thread::sleep_for(std::chrono::microseconds(50)); // the pace, not a wait
          }
      }) {}

Load::~Load() { stop(); }

std::uint64_t Load::stop() {
    stop_ = true;
    if (thread_.joinable()) {
        thread_.join();
    }
    return sent_;
}

Lab::Lab() {
    harness::enter_fresh_netns();
    harness::check(unshare(CLONE_NEWNS) == 0, "unshare");
    harness::check(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
    harness::check(mount("xbond-test", "/mnt", "tmpfs", 0, nullptr) == 0, "mount /mnt");
    std::filesystem::create_directory(bpffs());
    harness::check(mount("xbond-test", bpffs().c_str(), "bpf", 0, nullptr) == 0, "mount bpffs");
    setenv("LIBXDP_BPFFS", bpffs().c_str(), 1);
    // libxdp makes its directory once a process; a second laboratory has a new bpffs.
    std::filesystem::create_directory(bpffs() / "xdp");
    for (const std::string device : {"xb0", "s0", "s1"}) {
        harness::add_veth(device, device + "p");
    }
    harness::ip("link set xb0 address " + bond_mac.str());
}

Lab::~Lab() {
    umount2(bpffs().c_str(), MNT_DETACH);
    umount2("/mnt", MNT_DETACH);
}

loader::DataPath::Config Lab::config(Mode mode) const {
    return {bpffs() / "xbond" / "1" / "xb0",
            harness::ifindex("xb0"),
            harness::ifindex("xb0p"),
            {mode, HashPolicy::layer2, 1}};
}

std::vector<const loader::HookKind *> hooks() {
    const Fd program = foreign_program(false);
    std::vector<const loader::HookKind *> found;
    std::ranges::copy_if(loader::hook_kinds(), std::back_inserter(found),
                         [&](const loader::HookKind *kind) { return kind->try_out(program.get()).has_value(); });
    return found;
}

loader::Features features(std::string_view hook) {
    static const loader::Features probed = need(loader::detect_features());
    loader::Features result = probed;
    for (const loader::HookKind *kind : hooks()) {
        if (kind->name() == hook) {
            result.hook = kind;
        }
    }
    return result;
}

loader::DataPath make_path(const Lab &lab, const loader::Features &features, Mode mode) {
    auto path = need(loader::DataPath::create(lab.config(mode), features));
    for (const SlotId slot : {SlotId{0}, SlotId{1}}) {
        const auto slave = harness::ifindex("s" + std::to_string(slot));
        need(path.set_slot(slot, slave));
        need(path.attach_slave(slot, slave));
    }
    return path;
}

Fd foreign_program(bool xdp) {
    std::array<bpf_insn, 2> code{};
    code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    code[0].imm = xdp ? XDP_PASS : TC_ACT_UNSPEC;
    code[1].code = BPF_JMP | BPF_EXIT;
    Fd program(bpf_prog_load(xdp ? BPF_PROG_TYPE_XDP : BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", code.data(),
                             code.size(), nullptr));
    harness::check(program.get() >= 0, "foreign program");
    return program;
}

std::size_t programs_on(loader::HookPoint where) {
    const auto type = static_cast<bpf_attach_type>(where.direction == loader::Direction::ingress ? 46 : 47);
    std::array<std::uint32_t, 64> ids{};
    std::uint32_t count = ids.size();
    std::uint32_t flags = 0;
    return bpf_prog_query(static_cast<int>(where.ifindex), type, 0, &flags, ids.data(), &count) == 0 ? count : 0;
}

loader::Bank bank_on(SlotId slot) {
    loader::Bank bank = empty_bank();
    bank.n_pick = 1;
    bank.pick[0] = bank.active = bank.igmp = slot;
    std::copy(bond_mac.bytes.begin(), bond_mac.bytes.end(), bank.bond_mac);
    return bank;
}

} // namespace xbond::test
