// SPDX-License-Identifier: MIT
// Carries out the steps of a migration, one after the other.
#pragma once

#include "user/cli/migrate/look.h"

namespace xbond::cli::migrate {

class Carrier {
public:
    Carrier(const Snapshot &, Call, Rtnl &, sys::Netlink &);

    Result<void> remember(); // what the devices hold before anything is touched; for Restore
    Result<void> carry_out(const Step &);
    const std::vector<std::string> &notes() const { return notes_; } // what did not come along after all

    // One for each kind of step.
    Result<void> operator()(const Make &);
    Result<void> operator()(const Prepare &);
    Result<void> operator()(const Release &);
    Result<void> operator()(const Enslave &);
    Result<void> operator()(const Await &);
    Result<void> operator()(const Look &);
    Result<void> operator()(const Rename &);
    Result<void> operator()(const MakeVlan &);
    Result<void> operator()(const Drop &);
    Result<void> operator()(const Carry &);
    Result<void> operator()(const Announce &);
    Result<void> operator()(const Remove &);
    Result<void> operator()(const Restore &);

private:
    Result<std::uint32_t> index(const std::string &name);
    Result<void> known(const std::string &bond); // until the daemon has followed a rename
    Result<void> keep_mac(Side, const std::string &bond);
    Result<void> set_options(const std::string &bond);
    bool takes_frames(const std::string &device);
    bool can_send(const Await &);
    bool kernel_can_send(const Await &) const;

    const Snapshot &of_;
    Call call_;
    Rtnl &rtnl_;
    sys::Netlink &netlink_;
    Held before_, held_;
    std::string source_check_; // the bond's rp_filter
    IfindexMap same_;          // nothing changes its device
    std::map<std::uint32_t, std::string> names_;
    std::vector<std::string> notes_;
};

} // namespace xbond::cli::migrate
