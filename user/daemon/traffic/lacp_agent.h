// SPDX-License-Identifier: MIT
// Mode 802.3ad of one bond at work: lacp::System, the control channels of the slaves, and its timer. What System needs
// to know it reads off the bond after every event (sync); what System decides goes back to the bond as an
// AggregationChanged.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>

#include "loader/xsk.h"
#include "user/core/bond/bond.h"
#include "user/core/lacp/system.h"
#include "user/daemon/bond/applier.h"
#include "user/daemon/traffic/slow_channel.h"
#include "user/show/snapshot.h"

namespace xbond::daemon {

class LacpAgent {
public:
    struct Owner {
        std::function<void(const core::AggregationChanged &)> verdict; // tell the bond, publish
        std::function<void(const core::Transition &)> record;
    };
    // `saved`: goes on where an earlier controller left.
    LacpAgent(Host &, const core::BondState &, loader::DataPath &, Applier &, std::uint32_t peer_ifindex, Owner,
              std::optional<lacp::SystemState> saved);
    LacpAgent(const LacpAgent &) = delete;
    LacpAgent &operator=(const LacpAgent &) = delete;

    // Options, ports, links and XDP of the slaves as they are now. A port that is gone says farewell (3.7): call it
    // when the slave has left the tables and its device is not touched yet.
    void sync();

    // Any frame out of a slave by AF_XDP; none: no such socket there.
    std::optional<Result<void>> send_by_xsk(SlotId, std::span<const std::uint8_t> frame);

    show::LacpView view() const;
    show::LacpHistory history() const;

private:
    struct Port {
        std::string name;
        std::uint32_t ifindex = 0;
        SlowChannel channel;
        sys::EventLoop::Source readable; // goes before the channel
        std::optional<loader::XdpState::Attached> attached{};
        int attempts = 0; // to open AF_XDP sockets
    };
    class Busy;

    lacp::SystemOptions wanted_options() const;
    lacp::PortLink wanted_link(const core::Slave &) const;
    void add_port(const core::Slave &);
    void remove_gone_ports();
    void sync_port(const core::Slave &);
    void sync_xdp(SlotId, Port &);

    void receive(SlotId);
    void on_deadline();
    void carry_out(lacp::Effects &&);
    void send(const lacp::FrameToSend &);
    void tell(const core::AggregationChanged &);
    core::AggregationChanged verdict() const;
    core::AggregationChanged without_joining(core::AggregationChanged) const;
    void record(const lacp::Transition &);
    void save();
    void arm();

    Host &host_;
    const core::BondState &bond_;
    loader::DataPath &path_;
    Applier &applier_;
    std::uint32_t peer_ifindex_;
    Owner owner_;
    lacp::System system_;
    std::optional<loader::XskPool> pool_;
    std::map<SlotId, Port> ports_;
    std::optional<core::AggregationChanged> told_;
    std::uint64_t generation_ = 0;
    sys::EventLoop::Source timer_;
    bool was_up_;
    bool busy_ = false; // effects are being carried out: what they bring about needs no sync()
    Time saved_at_{};
    bool unsaved_ = false; // deadlines have moved, at least
    bool changed_ = false; // a machine has, too
};

} // namespace xbond::daemon
