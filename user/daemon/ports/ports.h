// SPDX-License-Identifier: MIT
// The ports of one bond: devices whose frames go through it. What is asked of the data path is done by hands; a device
// that goes is no port from that moment on.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/datapath.h"
#include "user/daemon/host.h"
#include "user/daemon/saved/saved_state.h"
#include "user/show/snapshot.h"

namespace xbond::daemon {

class Ports {
public:
    // `changed`: there are ports now, or none any more.
    Ports(Host &host, std::shared_ptr<loader::DataPath> path, std::function<void()> changed)
        : host_(host), path_(std::move(path)), changed_(std::move(changed)) {}

    // What is to be a port, or no longer one, is in saved() before anything is done to it, until drop_intent().
    // Whether it may be one has been looked at; one that is a port already gets what is asked for.
    Task<Result<void>> intend(SavedPort wanted);
    Result<void> intend_end(const std::string &name); // ENOENT: it is none
    Task<Result<void>> add();
    Task<Result<void>> remove();
    void drop_intent() { intent_.reset(); }
    // Those that an earlier controller had and whose devices are here.
    void adopt(const std::vector<SavedPort> &saved);
    // Makes sure of all of them, and of the end of those that were to be none; whatever else the data path has is none
    // any more.
    void renew();

    bool any() const { return !ports_.empty(); }
    bool has(std::uint32_t ifindex) const { return find(ifindex) != nullptr; }
    std::vector<SavedPort> saved() const;
    std::vector<show::PortView> views() const;

    void on_link_changed(const sys::LinkInfo &);
    bool on_link_gone(std::uint32_t ifindex, const std::string &bond, std::optional<sys::Elsewhere> moved); // was one
    void announce_on(std::uint32_t slave) const;       // shows switches where who is behind ports is now
    std::function<void(Hands::Tools &)> ender() const; // takes all of them away, by hands

private:
    struct Port {
        SavedPort saved;
        MacAddr own;
        loader::XdpState xdp;
    };
    const Port *find(std::uint32_t ifindex) const;
    Port *find(std::uint32_t ifindex);
    void set_soon(const Port &port);
    void end_soon(const SavedPort &port);

    Host &host_;
    std::shared_ptr<loader::DataPath> path_;
    std::function<void()> changed_;
    std::vector<Port> ports_;
    std::optional<SavedPort> intent_;
    std::vector<SavedPort> ending_; // the last controller was about to end them
    Alive alive_;
};

} // namespace xbond::daemon
