// SPDX-License-Identifier: MIT
// LACP partners by script, one on each of many interfaces: a PDU a second, and one at once when what the actor says of
// itself has changed. They have no receive machine: they believe the actor for ever, so that what goes wrong in a test
// is the actor's. How far apart the actor's PDUs came is measured by the stamps of the kernel.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/harness/traffic/sniffer.h"
#include "tests/netns/lacp/lab.h"
#include "user/core/lacp/pdu.h"

namespace xbond::harness {

class ScriptedPartners {
public:
    struct Port {
        std::string ifname;
        std::uint16_t system = 1; // ports of one system can aggregate
        std::uint16_t number = 1;
        std::uint8_t state = 63; // active, fast, aggregatable, in sync, collecting, distributing
    };
    struct Heard { // from the actor, on one interface; numbers since begin_measuring(), if it was called
        lacp::PortInfo actor, partner;
        std::uint64_t pdus = 0;
        std::chrono::nanoseconds last{};        // CLOCK_REALTIME
        std::chrono::nanoseconds longest_gap{}; // between two PDUs
    };
    using OnPdu = std::function<void(std::size_t port, const lacp::Lacpdu &)>; // in the thread that reads

    ScriptedPartners(const NetNs &ns, std::vector<Port> ports, OnPdu on_pdu = {});
    ScriptedPartners(const ScriptedPartners &) = delete;
    ScriptedPartners &operator=(const ScriptedPartners &) = delete;
    ~ScriptedPartners();

    Heard heard(std::size_t port) const;
    // Since begin_measuring(): the gaps of all ports, longest last.
    std::vector<std::chrono::nanoseconds> gaps() const;
    void begin_measuring();
    void set_state(std::size_t port, std::uint8_t state); // and says so at once
    void send(std::size_t port, std::span<const std::uint8_t> frame) const;

private:
    struct Side {
        Port port;
        Injector wire;
        std::uint32_t ifindex;
        lacp::PortInfo info;
        Heard heard{};
    };
    void take(const Frame &);
    void say(const Side &) const;
    void talk();

    OnPdu on_pdu_;
    mutable std::mutex mutex_;
    std::condition_variable stopping_;
    bool stop_ = false;
    std::vector<Side> sides_;
    std::vector<std::chrono::nanoseconds> gaps_;
    std::unique_ptr<Sniffer> sniffer_;
    std::thread talker_;
};

class PartnerLab { // a host whose slaves e0, e1, ... are wired to partners of one system on p0, p1, ...
public:
    explicit PartnerLab(int links, ScriptedPartners::OnPdu on_pdu = {}, int rx_queues = 1);
    LacpHost &host() { return host_; }
    ScriptedPartners &partners() { return *partners_; }
    const NetNs &lan() const { return lan_; }
    std::vector<std::string> slaves() const { return slaves_; }
    // bond0 with all slaves, 10.97.0.1 on it and a neighbour 10.97.0.2 that is nobody; true when all distribute.
    bool make_bond(const std::string &options);
    int expired() const; // entries into EXPIRED and DEFAULTED, of all ports

private:
    NetNs lan_;
    LacpHost host_;
    std::vector<std::string> slaves_;
    std::unique_ptr<ScriptedPartners> partners_;
};

} // namespace xbond::harness
