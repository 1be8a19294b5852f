// SPDX-License-Identifier: MIT
// The composition root: adapters, bonds, control socket, config, saved state of one network namespace.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "user/api/protocol.h"
#include "user/daemon/bond/controller.h"
#include "user/daemon/host.h"
#include "user/daemon/requests/control_server.h"
#include "user/daemon/requests/plan.h"
#include "user/show/snapshot.h"

namespace xbond::daemon {

struct Settings {
    std::optional<std::filesystem::path> config;
    std::filesystem::path socket;
    std::filesystem::path state_dir;
    std::filesystem::path bpffs;
    std::uint64_t netns = 0;
    std::optional<loader::CarrierCheck> carrier_check; // at most this variant
};

// The values that a bond, or a slave, has now of the options of a list: what setting that list is undone with.
std::vector<core::OptionValue> present_options(const core::BondState &, std::span<const core::OptionValue>);
std::vector<core::OptionValue> present_options(const core::Slave &, std::span<const core::OptionValue>);

class Daemon {
public:
    explicit Daemon(Settings settings) : settings_(std::move(settings)) {}

    Result<int> run();       // until SIGTERM or SIGINT; every bond goes on forwarding
    Result<void> teardown(); // removes all bonds and restores their slaves; no daemon may run

private:
    std::filesystem::path lock_path() const;
    Result<void> open();
    Result<void> recover(); // what an earlier controller left
    Result<api::Config> read_config();
    Result<void> check(const api::Config &);
    // apply_config.cpp
    using BondStep = std::function<Result<void>(BondController &)>;
    Result<Plan> plan(const api::Config &);
    Result<Plan> plan_new(const api::BondConfig &);
    Result<Plan> plan_change(const BondController &, const api::BondConfig &);
    Result<Plan> plan_slaves(const BondController &, const api::BondConfig &);
    Change plan_enslave(const std::string &bond, const std::string &slave);
    Change plan_slave_options(const std::string &bond, const api::SlaveConfig &, std::vector<core::OptionValue> before);
    Change plan_up(const std::string &bond, bool up);
    Change on_bond(const std::string &name, std::string text, BondStep carry_out, BondStep undo);
    static std::vector<core::OptionValue> changed_options(const BondController &, const api::BondConfig &);

    Result<void> persist();
    void remove_leftovers();
    void read_netlink();
    void handle_netlink();
    void catch_up();
    void on_netlink(const sys::NetlinkEvent &);
    void resync();
    void on_link_gone(std::uint32_t ifindex);
    void reread_config(); // SIGHUP

    // requests.cpp
    void on_request(const api::Request &, ControlServer::Reply);
    void start_apply(const api::Apply &, ControlServer::Reply);
    void run_plan(Plan, PlanRunner::Done);
    void next_in_line();
    std::string handle(const api::Request &);
    std::string lacp(const api::Lacp &);
    Result<void> link_add(const api::LinkAdd &);
    Result<void> link_del(const api::LinkDel &);
    Result<void> link_set(const api::LinkSet &);
    Result<void> set_bond(BondController &, const api::LinkSet &);
    Result<void> set_slave(const api::LinkSet &);
    Result<BondController *> bond(std::string_view name);
    BondController *bond_of_slave(std::string_view ifname);
    show::Snapshot snapshot(const std::optional<std::string> &only = {});
    void forget(const std::string &name);

    Settings settings_;
    std::optional<sys::EventLoop> loop_;
    std::optional<sys::Netlink> netlink_;
    std::optional<sys::Ethtool> ethtool_;
    std::optional<sys::PacketSocket> packets_;
    loader::Features features_;
    std::unique_ptr<Hands> hands_;
    std::optional<FileSaver> files_;
    std::unique_ptr<Host> host_;
    Fd instance_lock_;
    std::unique_ptr<ControlServer> server_;
    std::map<std::string, std::unique_ptr<BondController>> bonds_;
    // A config in work, and the changes that were asked for meanwhile: they wait, so that its undo finds what it left.
    std::unique_ptr<PlanRunner> runner_;
    std::deque<std::function<void()>> waiting_;
    sys::EventLoop::Source netlink_source_, sigterm_, sigint_, sighup_;
    Time started_{};
    std::deque<sys::NetlinkEvent> told_; // read, and in the table of links, but no bond has been told
    bool addresses_changed_ = false;     // since the bonds were told
    bool events_lost_ = false;           // netlink messages since the last look
    sys::EventLoop::Source resync_again_;
};

} // namespace xbond::daemon
