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
#include "user/daemon/bond/bond_device.h"
#include "user/daemon/host.h"
#include "user/daemon/nic/tags.h"

namespace xbond::daemon {

class SlaveXdp {
public:
    SlaveXdp(Host &host, std::shared_ptr<loader::DataPath> path, const BondDevice &device)
        : host_(host), path_(std::move(path)), device_(device), chained_(path_->chained()) {}

    // What is applied already costs nothing; `changed` is called when another state has come.
    // `needed`: applications have rules, see DataPath::set_xdp.
    struct Wanted {
        XdpPolicy policy = XdpPolicy::automatic;
        bool needed = false;
        bool ports = false;   // the bond has ports, see there, too
        bool receive = false; // `receive xdp`, likewise
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
    // Somebody has looked at the slave's since this controller began.
    bool knows(SlotId slot) const { return applied_.at(slot).known; }
    // With `receive xdp`: what others can change on slaves and on the bond's device is looked at, and set right.
    // `only`: a slave's device; 0: all.
    void look_again(const std::vector<core::DesiredSlave> &, std::uint32_t only, std::function<void()> changed);

private:
    struct Applied {
        std::uint32_t ifindex = 0;    // of which device; the outcome for another one is dropped
        std::optional<Wanted> wanted; // applied, or in work
        bool refused = false;         // by the driver; not tried again until another one is wanted
        bool known = false;           // `state` is of this device
        bool looking = false;         // look_again() waits for hands
        loader::XdpState state;
    };
    using Job = std::function<Result<loader::XdpState>(Hands::Tools &)>;

    // For hands, which ask the devices what is missing.
    struct Place {
        loader::DataPath::XdpSlave slave;
        BondDevice bond;
        std::shared_ptr<TagLooker> tags;

        loader::DataPath::XdpSlave asked(Hands::Tools &) const;
    };
    Place place_of(const core::DesiredSlave &, Wanted) const;
    std::vector<Place> places_of(const std::vector<core::DesiredSlave> &, Wanted) const;
    static std::vector<loader::DataPath::XdpSlave> asked(const std::vector<Place> &, Hands::Tools &);
    Job job(const core::DesiredSlave &, Wanted) const;
    void keep(const core::DesiredSlave &, const Result<loader::XdpState> &);

    Host &host_;
    std::shared_ptr<loader::DataPath> path_;
    const BondDevice &device_;
    std::shared_ptr<TagLooker> tags_ = std::make_shared<TagLooker>(); // hands'
    std::array<Applied, XB_MAX_SLAVES> applied_{};
    std::optional<loader::ChainedProgram> chained_; // the loop's copy
    Alive alive_;
};

} // namespace xbond::daemon
