// SPDX-License-Identifier: MIT
// BPF programs of a few instructions, of somebody who is not xbond.
#pragma once

#include <cstdint>
#include <string>

#include "common/fd.h"
#include "tests/harness/netns.h"

namespace xbond::harness {

// On a hook of a device of a namespace for as long as the object lives; throws where the kernel refuses it.
class OnDevice {
public:
    enum class Hook { tcx_ingress, tcx_egress, xdp_native, xdp_generic };
    OnDevice(const NetNs &, const std::string &ifname, Hook, int program);

private:
    Fd link_;
};

class Counter { // a tc program that lets everything pass
public:
    Counter();
    int program() const { return program_.get(); }
    void pin(const std::string &path) const;
    std::uint64_t packets() const;

private:
    Fd map_, program_;
};

class Wire { // a tc program that redirects what comes in to another device, and loses LACPDUs when asked to
public:
    explicit Wire(std::uint32_t to);
    int program() const { return program_.get(); }
    void lose_lacpdus(bool on) const;

private:
    Fd map_, program_;
};

class ToSockets { // an XDP program that gives what comes in on queue 0 to an AF_XDP socket, and lets the rest pass
public:
    ToSockets();
    int program() const { return program_.get(); }
    void take(int xsk) const;

private:
    Fd map_, program_;
};

Fd xdp_verdict(int verdict); // XDP_DROP, XDP_PASS
Fd xdp_redirect(std::uint32_t ifindex);

} // namespace xbond::harness
