// SPDX-License-Identifier: MIT
// The composition root: adapters, bonds, control socket, config, saved state of one network namespace.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "user/api/protocol.h"
#include "user/daemon/bond/controller.h"
#include "user/daemon/host.h"
#include "user/daemon/requests/control_server.h"
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

class Daemon {
public:
    explicit Daemon(Settings settings) : settings_(std::move(settings)) {}

    Result<int> run();       // until SIGTERM or SIGINT; every bond goes on forwarding
    Result<void> teardown(); // removes all bonds and restores their slaves; no daemon may run

private:
    Result<void> open();
    Result<void> recover(); // what an earlier controller left
    Result<api::Config> read_config();
    Result<void> check(const api::Config &);
    Result<void> apply(const api::Config &, bool dry_run, std::vector<std::string> *plan);
    Result<void> apply_bond(const api::BondConfig &, bool dry_run, std::vector<std::string> *plan);
    Result<void> apply_slaves(BondController &, const api::BondConfig &, const std::function<bool(std::string)> &note);
    static std::vector<core::OptionValue> changed_options(const BondController &, const api::BondConfig &);
    Result<void> persist();
    void remove_leftovers();
    void on_netlink(const sys::NetlinkEvent &);
    void on_link_gone(std::uint32_t ifindex);
    std::string handle(const api::Request &);

    std::string lacp(const api::Lacp &);
    Result<void> link_add(const api::LinkAdd &);
    Result<void> link_del(const api::LinkDel &);
    Result<void> link_set(const api::LinkSet &);
    Result<void> set_bond(BondController &, const api::LinkSet &);
    Result<void> set_slave(const api::LinkSet &);
    Result<BondController *> bond(std::string_view name);
    BondController *bond_of_slave(std::string_view ifname);
    show::Snapshot snapshot();
    void forget(const std::string &name);

    Settings settings_;
    std::optional<sys::EventLoop> loop_;
    std::optional<sys::Netlink> netlink_;
    std::optional<sys::Ethtool> ethtool_;
    std::optional<sys::PacketSocket> packets_;
    std::optional<sys::DeviceFilter> filter_;
    loader::Features features_;
    std::unique_ptr<Host> host_;
    Fd instance_lock_;
    std::unique_ptr<ControlServer> server_;
    std::map<std::string, std::unique_ptr<BondController>> bonds_;
    sys::EventLoop::Source netlink_source_, sigterm_, sigint_;
    Time started_{};
};

} // namespace xbond::daemon
