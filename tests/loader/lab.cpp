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

namespace xbond::test {
namespace {

void check(bool ok, const std::string &what) {
    if (!ok)
        throw std::system_error(errno, std::generic_category(), what);
}

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

bool eventually(const std::function<bool()> &condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        poll(nullptr, 0, 1);
    }
    return true;
}

void ip(const std::string &arguments) {
    if (std::system(("ip " + arguments).c_str()) != 0)
        throw std::runtime_error("failed: ip " + arguments);
}

bool tc_shows(const std::string &arguments, const std::string &text) {
    FILE *const pipe = popen(("tc " + arguments).c_str(), "re");
    check(pipe != nullptr, "popen");
    std::string output;
    std::array<char, 4096> buffer;
    while (const std::size_t size = fread(buffer.data(), 1, buffer.size(), pipe))
        output.append(buffer.data(), size);
    pclose(pipe);
    return output.find(text) != std::string::npos;
}

std::uint32_t ifindex(const std::string &name) {
    const unsigned index = if_nametoindex(name.c_str());
    check(index != 0, name);
    return index;
}

Wire::Wire(const std::string &device) : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const int size = 64 << 20;
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(protocol);
    address.sll_ifindex = static_cast<int>(ifindex(device));
    check(bind(socket_.get(), reinterpret_cast<sockaddr *>(&address), sizeof(address)) == 0, "bind " + device);
}

void Wire::bypass_qdisc() const {
    const int on = 1;
    check(setsockopt(socket_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) == 0, "PACKET_QDISC_BYPASS");
}

void Wire::send(const MacAddr &destination) const {
    const auto data = frame(destination);
    // ENOBUFS: a program dropped the frame, which is for the test to judge.
    const ssize_t size = ::send(socket_.get(), data.data(), data.size(), 0);
    check(size == static_cast<ssize_t>(data.size()) || errno == ENOBUFS, "send");
}

std::uint64_t Wire::received() {
    std::array<std::uint8_t, 2048> data;
    while (recv(socket_.get(), data.data(), data.size(), 0) > 0)
        ++received_;
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
    if (thread_.joinable())
        thread_.join();
    return sent_;
}

Lab::Lab() {
    check(unshare(CLONE_NEWNS | CLONE_NEWNET) == 0, "unshare");
    check(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
    check(mount("xbond-test", "/mnt", "tmpfs", 0, nullptr) == 0, "mount /mnt");
    std::filesystem::create_directory(bpffs());
    check(mount("xbond-test", bpffs().c_str(), "bpf", 0, nullptr) == 0, "mount bpffs");
    setenv("LIBXDP_BPFFS", bpffs().c_str(), 1);
    // libxdp makes its directory once a process; a second laboratory has a new bpffs.
    std::filesystem::create_directory(bpffs() / "xdp");
    for (const char *const which : {"all", "default"})
        std::ofstream(std::string("/proc/sys/net/ipv6/conf/") + which + "/disable_ipv6") << 1;
    for (const char *const device : {"xb0", "s0", "s1"}) {
        ip("link add " + std::string(device) + " type veth peer name " + device + "p");
        ip("link set " + std::string(device) + "p up");
        ip("link set " + std::string(device) + " up");
    }
    ip("link set xb0 address " + std::string("02:00:00:00:00:bb"));
}

Lab::~Lab() {
    umount2(bpffs().c_str(), MNT_DETACH);
    umount2("/mnt", MNT_DETACH);
}

loader::DataPath::Config Lab::config(Mode mode) const {
    return {bpffs() / "xbond" / "1" / "xb0", ifindex("xb0"), ifindex("xb0p"), {mode, HashPolicy::layer2, 1}};
}

std::vector<const loader::HookKind *> hooks() {
    const Fd program = foreign_program(false);
    std::vector<const loader::HookKind *> found;
    std::ranges::copy_if(loader::hook_kinds(), std::back_inserter(found),
                         [&](const loader::HookKind *kind) { return kind->probe(program.get()).has_value(); });
    return found;
}

loader::Features features(std::string_view hook) {
    static const loader::Features probed = need(loader::probe_features());
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
        const auto slave = ifindex("s" + std::to_string(slot));
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
    check(program.get() >= 0, "foreign program");
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
