// SPDX-License-Identifier: MIT
// xb_xdp on the slaves of one bond: which policy was applied to each, and how the driver took it. Attaching waits for
// RTNL and, with some drivers, for the link: hands do it.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/datapath.h"
#include "user/core/bond/desired.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

class SlaveXdp {
public:
    SlaveXdp(Host &host, std::shared_ptr<loader::DataPath> path)
        : host_(host), path_(std::move(path)), chained_(path_->chained()) {}

    // What is applied already costs nothing; `changed` is called when another state has come.
    // `needed`: applications have rules, see DataPath::set_xdp.
    struct Wanted {
        XdpPolicy policy = XdpPolicy::automatic;
        bool needed = false;
        bool ports = false; // the bond has ports, see there, too
        bool operator==(const Wanted &) const = default;
    };
    void set_soon(const core::DesiredSlave &, Wanted, std::function<void()> changed);
    // On every slave; on refusal all are put back and the driver's error is returned.
    Task<Result<void>> set_all(std::vector<core::DesiredSlave>, Wanted);
    void slave_gone(SlotId slot) { applied_.at(slot) = {}; }

    // Somebody's program behind xb_xdp on every slave, all or none. Its predecessor's maps lose their pins in `pin`.
    Task<Result<void>> chain(std::vector<core::DesiredSlave>, Wanted, std::shared_ptr<const Fd> program, bool frags,
                             std::string pin);
    Task<Result<void>> unchain(std::vector<core::DesiredSlave>, Wanted, std::string pin);
    const std::optional<loader::ChainedProgram> &chained() const { return chained_; }

    const loader::XdpState &state(SlotId slot) const { return applied_.at(slot).state; }

private:
    struct Applied {
        std::uint32_t ifindex = 0;    // of which device; the outcome for another one is dropped
        std::optional<Wanted> wanted; // applied, or in work
        bool refused = false;         // by the driver; not tried again until another one is wanted
        loader::XdpState state;
    };
    using Job = std::function<Result<loader::XdpState>(Hands::Tools &)>;

    Job job(const core::DesiredSlave &, Wanted) const;
    struct Places {
        std::vector<loader::DataPath::XdpSlave> slaves;

        std::vector<loader::DataPath::XdpSlave> with_drivers(const sys::Ethtool &) const;
    };
    Places places_of(const std::vector<core::DesiredSlave> &, Wanted) const;
    void keep(const core::DesiredSlave &, const Result<loader::XdpState> &);

    Host &host_;
    std::shared_ptr<loader::DataPath> path_;
    std::array<Applied, XB_MAX_SLAVES> applied_{};
    std::optional<loader::ChainedProgram> chained_; // the loop's copy
    Alive alive_;
};

} // namespace xbond::daemon
