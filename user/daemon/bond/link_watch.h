// SPDX-License-Identifier: MIT
// The slaves' links as the bond's loop sees them, without waiting for anybody: the carrier from the kernel's own bits,
// through the data path; speed, duplex and driver from hands, because only the driver knows them. A link that has come
// back counts when its speed is known; one that is lost counts at once.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "loader/datapath.h"
#include "user/core/bond/bond.h"
#include "user/daemon/hands.h"
#include "user/daemon/host.h"

namespace xbond::daemon {

class LinkWatch {
public:
    // `answered`: a driver's answer about this slave has come; look again.
    LinkWatch(Host &host, loader::DataPath &path, std::function<void(SlotId)> answered)
        : host_(host), path_(path), answered_(std::move(answered)) {}

    enum class Ask {
        if_new,
        always
    }; // the driver: only about a link that has come back, or also whether it has changed
    core::LinksObserved look(std::span<const core::Slave>, Ask); // at one moment

    const std::string &driver(SlotId slot) const { return facts_.at(slot).driver; } // empty: not known yet
    void slave_gone(SlotId slot) { facts_.at(slot) = {}; }

private:
    struct Facts {
        std::uint32_t ifindex = 0;              // of which device; the answer of another one is dropped
        bool asked = false, again = false;      // again: the answer may be of before what has been heard since
        std::optional<sys::SpeedDuplex> answer; // not looked at yet
        std::string driver;
    };

    struct State {
        bool running = false, carrier = false;
    };
    core::LinkObservation look(const core::Slave &, Ask, const Result<std::uint32_t> &carriers);
    State state_of(const core::Slave &, const Result<std::uint32_t> &carriers);
    void ask(SlotId, std::uint32_t ifindex);

    Host &host_;
    loader::DataPath &path_;
    std::function<void(SlotId)> answered_;
    std::array<Facts, XB_MAX_SLAVES> facts_{};
    Alive alive_;
};

} // namespace xbond::daemon
