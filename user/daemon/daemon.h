// SPDX-License-Identifier: MIT
// The composition root: adapters, bonds, control socket, config, saved state of one network namespace.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "user/api/protocol.h"
#include "user/daemon/bond/controller.h"
#include "user/daemon/group_watch.h"
#include "user/daemon/host.h"
#include "user/daemon/requests/control_server.h"
#include "user/daemon/requests/plan.h"
#include "user/daemon/saved/this_boot.h"
#include "user/daemon/task_queue.h"
#include "user/daemon/traffic/slow_receiver.h"
#include "user/show/snapshot.h"

namespace xbond::daemon {

struct FoundNic;

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

using Rendering = std::function<nlohmann::ordered_json()>; // for the desk: what it needs is copied

class Daemon {
public:
    explicit Daemon(Settings settings) : settings_(std::move(settings)) {}

    Result<int> run();       // until SIGTERM or SIGINT; every bond goes on forwarding
    Result<void> teardown(); // removes all bonds and restores their slaves; no daemon may run

private:
    std::filesystem::path lock_path() const;
    Result<void> open();
    // recover.cpp
    Result<void> recover(); // what an earlier controller left
    void look_for_dead(Ms pause);
    void clear_half_made();
    void remove_stray_vlans();
    enum class Of { all, left_alone };
    struct LeftAlone { // a bond that cannot be adopted: nobody touches it
        std::string why;
        std::vector<std::uint32_t> devices; // with programs of it
    };
    using AllLeft = std::map<std::string, LeftAlone>;
    Task<Result<void>> take_over(By, Of);
    Task<AllLeft> outcome(By, std::string name, Task<std::optional<std::string>> attempt);
    Task<std::optional<std::string>> take_over(By, SavedBondFile);
    Task<Result<SavedBondFile>> make_device_anew(By, SavedBondFile);
    Task<std::optional<std::string>> look_at(By, SavedBonds::Unreadable);
    Task<loader::PinnedDevices> pinned_devices(By, std::string name);
    Task<std::optional<std::string>> nobodys(By, std::string name, std::string why);
    Task<Result<void>> try_again();
    void try_again_later();
    Task<Result<void>> end_left_alone(std::string name);
    Result<void> refuse_left_alone(const std::string &name) const;
    Result<void> may_be_slave(std::uint32_t bond, std::uint32_t ifindex) const;
    Task<Result<void>> start_serving(std::optional<api::Config>, std::optional<gid_t> writers);
    // teardown.cpp
    void tear_down_elsewhere();
    Task<Result<void>> destroy_all();
    void remove_leftovers();
    // apply_config.cpp
    using Devices = std::map<std::string, sys::LinkInfo>; // by name; those that exist
    using BondStep = std::function<Task<Result<void>>(BondController &)>;
    struct Wanted {
        api::Config config; // each slave by the name of its device; those that are not there left out
        Devices devices;
        std::vector<std::string> notes; // what is waited for, what is left as it is
    };
    struct MadePort { // a port that is there
        std::string bond;
        api::PortConfig port;

        bool operator==(const MadePort &) const = default;
    };
    Result<std::string> read_config_text();
    Result<api::Config> read_config();
    Task<Result<void>> apply_at_start(api::Config);
    Task<Result<void>> apply_file();            // SIGHUP
    enum class Missing { waited_for, refused }; // a slave that is one device and is not there
    void note_bonds(std::vector<FoundNic> &) const;
    Task<Result<Wanted>> resolve(api::Config, Missing);
    Result<void> resolve_bond(api::BondConfig &, Wanted &, std::span<const FoundNic>, std::set<std::string> &taken,
                              Missing);
    bool is_waited_for(const std::string &bond, const api::SlaveConfig &) const;
    Task<Result<Plan>> plan(const Wanted &);
    Task<Devices> look_up(std::vector<std::string> names);
    // config_plan.cpp
    Result<void> check(const api::Config &, const Devices &);
    Result<Plan> plan_all(const api::Config &, const Devices &);
    Result<Plan> plan_bond(const api::BondConfig &, const Devices &);
    Plan plan_ends(const api::Config &);
    Result<Plan> plan_new(const api::BondConfig &, const Devices &);
    Result<Plan> plan_change(const BondController &, const api::BondConfig &, const Devices &);
    Result<void> plan_options(const BondController &, const api::BondConfig &, Plan &, bool &rebuilt, bool &down);
    Result<Plan> plan_slaves(const BondController &, const api::BondConfig &, const Devices &, bool rebuilt);
    Change plan_enslave(const std::string &bond, const sys::LinkInfo &slave);
    Change plan_release(const std::string &bond, const core::Slave &slave);
    Task<Result<void>> enslave(std::string bond, std::string slave, std::uint32_t ifindex, bool was_up,
                               std::string from);
    Task<Result<void>> give_back(std::string slave, std::uint32_t ifindex, bool was_up, std::string to);
    Change plan_slave_options(const std::string &bond, const api::SlaveConfig &, std::vector<core::OptionValue> before);
    Change plan_up(const std::string &bond, bool up);
    Change on_bond(const std::string &name, std::string text, BondStep carry_out, BondStep undo);
    core::Options wanted_options(const BondController &, const api::BondConfig &) const;
    const api::BondConfig *applied_bond(const std::string &name) const;
    // config_ports.cpp
    std::optional<MadePort> made_port(std::uint32_t ifindex) const;
    bool names_port(const api::BondConfig *, std::uint32_t ifindex) const;
    Result<void> may_be_port(const sys::LinkInfo &) const;
    Result<void> resolve_ports(api::BondConfig &, Wanted &, std::set<std::string> &taken, Missing);
    Plan plan_port_ends(const api::Config &);
    Result<Plan> plan_ports(const api::BondConfig &);
    Task<Result<void>> make_port(api::PortAdd, std::shared_ptr<std::string> slave_of);
    Task<Result<void>> undo_port(std::string bond, std::uint32_t ifindex, std::optional<MadePort> before,
                                 std::shared_ptr<std::string> slave_of);
    Task<Result<void>> end_port(std::string bond, std::uint32_t ifindex);
    Task<bool> make_ports(api::BondConfig, bool late);
    // applied.cpp
    void remember(api::Config);
    ThisBoot this_boot() const { return {host_->boot_id, host_->netns_cookie}; }
    void save_applied();
    void load_applied();
    void ended_by_hand(const std::string &bond);
    void moved_by_hand(std::uint32_t ifindex, bool released);
    bool may_be_wanted(const sys::LinkInfo &) const;
    void take_in_soon();
    void take_in_later();
    Task<Result<void>> take_in();
    Task<bool> take_in(const api::BondConfig &, const Devices &);

    void take_leave();
    Result<void> list_links();
    void read_netlink();
    void handle_netlink();
    void catch_up();
    void on_netlink(const sys::NetlinkEvent &);
    void resync();
    bool is_known(const std::string &name) const; // by the name that the device has
    // All of the namespace. Nothing where the kernel has to be asked: messages were lost, or devices of the config are
    // not known by their names.
    std::optional<std::vector<sys::LinkInfo>> known_links(const api::Config &);
    void on_resync(Result<LinkTable::Dump>);
    void on_link_gone(const sys::LinkGone &);
    Task<Result<void>> device_gone(std::string name, bool was_up);
    Task<Result<void>> device_lost(std::string name);
    Task<Result<void>> follow_name(std::string name);
    void follow_names(); // of bonds that were renamed while no controller ran
    void bring_devices_home();
    Result<void> own_pin_root();
    std::string real_name(const std::string &name) const; // where that is an alternative one
    void use_real_names(api::Request &) const;
    void use_real_names(std::vector<core::OptionValue> &) const;
    void reread_config(); // SIGHUP
    void look_after_hooks();

    // unfinished.cpp
    Task<Result<void>> note_unfinished(const api::Request &);
    Task<Result<void>> note_finished(const api::Request &);
    Task<Result<void>> finish_unfinished();

    // requests.cpp
    void on_request(const api::Request &, Fd passed, ControlServer::Reply);
    void on_open(const api::StateOpen &, const sys::Peer &, std::function<void(ControlServer::Opened)>);
    Task<Result<void>> serve_open(api::StateOpen, sys::Peer, std::function<void(ControlServer::Opened)>);
    BondController *bond_of_device(std::uint32_t peer); // by the other end, which never leaves
    void tell_listeners(std::uint32_t bond);
    // reads.cpp
    Task<Result<void>> serve_read(api::Request, ControlServer::Reply);
    Task<Result<Rendering>> prepare(api::Request);
    Result<Rendering> prepare_one(const api::Request &);
    Result<Rendering> prepare_lacp(const api::Lacp &);
    Task<std::shared_ptr<const show::Snapshot>> snapshot(std::optional<std::string> only);
    using Passed = std::shared_ptr<const Fd>; // what came with a request; null: nothing
    Task<Result<void>> serve_change(api::Request, Passed, ControlServer::Reply);
    Task<std::string> change(api::Request, Passed);
    Task<Result<void>> xdp_attach(api::XdpAttach, Passed);
    Task<Result<void>> xdp_detach(std::string name);
    Task<Result<void>> port_add(api::PortAdd);
    Task<Result<void>> port_del(api::PortDel);
    Task<std::string> apply(api::Apply);
    Task<Result<void>> link_add(api::LinkAdd, Passed);
    Task<Result<void>> link_del(std::string name);
    Task<Result<void>> link_set(api::LinkSet, Passed);
    Result<Plan> plan_set_bond(BondController &, const api::LinkSet &, const Passed &);
    Change plan_netns(const BondController &, const std::string &where, const Passed &);
    Result<Plan> plan_set_slave(const sys::LinkInfo &, const api::LinkSet &);
    Result<std::optional<Change>> plan_master(const sys::LinkInfo *, const std::optional<std::string> &name);
    void add_device_words(Plan &, const sys::LinkInfo &, std::span<const core::OptionValue>);
    Result<void> check_new_name(const std::string &) const;
    Task<Result<void>> rename(std::string from, std::string to);
    using SetDevice = std::function<Result<void>(sys::Netlink &)>; // for hands
    Task<Result<void>> set_device(SetDevice);
    Change on_device(SetDevice carry_out, SetDevice undo);
    Result<BondController *> bond(std::string_view name);
    BondController *bond_of_slave(std::string_view ifname);
    Task<Result<void>> forget(std::string name);

    Settings settings_;
    std::optional<sys::EventLoop> loop_;
    std::optional<sys::Netlink> netlink_;
    std::optional<sys::Ethtool> ethtool_;
    std::optional<sys::PacketSocket> packets_;
    loader::Features features_;
    std::unique_ptr<Hands> hands_;
    std::optional<FileSaver> files_;
    std::optional<GroupWatch> groups_;
    std::unique_ptr<SlowReceiver> slow_;
    std::unique_ptr<Host> host_;
    Fd instance_lock_;
    std::unique_ptr<ControlServer> server_;
    std::map<std::string, std::unique_ptr<BondController>> bonds_;
    std::optional<api::Config> applied_; // the last config, its slaves by what they are; without bonds ended by hand
    std::set<std::uint32_t> let_go_;     // devices released by hand since: they are not taken in
    std::set<std::string> unmade_;       // bonds of it that could not be made at start
    std::set<std::pair<std::uint32_t, std::string>> passed_over_; // looked at, and no slave of it
    bool taking_in_ = false;                                      // take_in() waits for its turn
    Time take_in_pause_{};
    sys::EventLoop::Source take_in_again_;
    AllLeft left_alone_;
    Time pause_{}; // until the next attempt at those
    sys::EventLoop::Source again_, hooks_again_, dead_again_;
    TaskQueue changes_, reads_, opens_;
    std::set<std::uint32_t> news_;    // bonds whose listeners are to be told
    std::optional<sys::Worker> desk_; // a thread that renders replies
    std::optional<Error> failed_;     // why run() or teardown() ends
    sys::EventLoop::Source netlink_source_, sigterm_, sigint_, sighup_;
    Time started_{};
    std::deque<sys::NetlinkEvent> told_; // read, and in the table of links, but no bond has been told
    bool addresses_changed_ = false;     // since the bonds were told
    bool events_lost_ = false;           // netlink messages since the last look
    std::optional<std::vector<sys::NetlinkEvent>> resyncing_; // told since hands began to read all
    sys::EventLoop::Source resync_again_;
};

} // namespace xbond::daemon
