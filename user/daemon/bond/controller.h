// SPDX-License-Identifier: MIT
// One bond at work: the pure core::BondState, its data path and its devices. Every event goes through `settle`: the
// core decides, effects are carried out in their order, and what came of them goes in as events; then the rest follows,
// the state is saved, the next deadline is armed. Destroying the object leaves everything forwarding; destroy() takes
// the bond away.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "user/core/bond/bond.h"
#include "user/daemon/bond/applier.h"
#include "user/daemon/bond/bond_device.h"
#include "user/daemon/bond/link_watch.h"
#include "user/daemon/elsewhere/netns_watch.h"
#include "user/daemon/host.h"
#include "user/daemon/nic/slave_device.h"
#include "user/daemon/ports/ports.h"
#include "user/daemon/saved/bond_saver.h"
#include "user/daemon/traffic/prober.h"
#include "user/daemon/traffic/slow_channels.h"
#include "user/show/snapshot.h"

namespace xbond::daemon {

enum class By; // by.h

class BondController {
public:
    static Task<Result<std::unique_ptr<BondController>>> create(Host &, std::string name,
                                                                std::vector<core::OptionValue>, std::optional<MacAddr>,
                                                                std::optional<std::uint32_t> mtu);
    // Goes on with what an earlier controller left: device, pins, slaves. Slaves that vanished meanwhile are released.
    static Task<Result<std::unique_ptr<BondController>>> adopt(Host &, By, SavedBondFile); // adopt.cpp

    // -- commands: all-or-nothing --
    Task<Result<void>> set_options(std::vector<core::OptionValue>);
    Task<Result<void>> set_slave_options(std::string slave, std::vector<core::OptionValue>);
    Task<Result<void>> enslave(std::string ifname);
    Task<Result<void>> release(std::string slave);
    Task<Result<void>> set_address(MacAddr);
    Task<Result<void>> set_mtu(std::uint32_t);
    Task<Result<void>> set_up(bool up);
    Task<Result<void>> release_all(); // goes on after errors, and regardless()
    // Somebody's XDP program behind xb_xdp on every slave, also on those to come: all or none.
    Task<Result<void>> chain(SavedChain, bool frags, std::shared_ptr<const Fd> program);
    Task<Result<void>> unchain(); // ENOENT: there is none
    // A device whose frames go through the bond; the daemon has seen that it is nothing else.
    Task<Result<void>> add_port(SavedPort);
    Task<Result<void>> remove_port(std::string ifname);
    // Its device has this name now: pins, state and all that is shown follow.
    Task<Result<void>> follow_name(std::string name);
    // After it has been away: what the kernel took down with it is put back as far as it is ours.
    Task<Result<void>> come_home(bool up);
    // Into another network namespace; into this one: home. ../elsewhere/move.cpp.
    Task<Result<void>> move_to(std::shared_ptr<const Fd> netns, std::string name);
    // Somebody may have moved its device from one other network namespace to the next, or home.
    Task<Result<void>> follow_move();
    // Data path and device, when there are no slaves. No event may come any more.
    Task<Result<void>> destroy();

    // -- events --
    void on_link_changed(const sys::LinkInfo &);
    void on_link_gone(std::uint32_t ifindex, std::optional<sys::Elsewhere> moved = {}); // of any device
    void on_ipv6_changed(std::uint32_t ifindex);
    void on_addresses_changed();
    void stack_may_have_changed(); // what stands on the bond
    void on_resume(Time away);     // from a suspend
    void on_forwarding_changed(std::uint32_t ifindex) { applier_.filters().forwarding_changed(ifindex); }
    void on_traffic_control_changed(std::uint32_t ifindex); // a qdisc or a filter of a device
    void resync();                                          // after lost netlink messages, and at start
    Ms mend_hooks();                                        // again after that time

    // -- applications --
    Applications &applications() { return applier_.applications(); }

    // The last event: the program ends, another one goes on. What is returned closes sockets, which takes a while each,
    // in any thread.
    std::function<void()> take_leave();

    const std::string &name() const { return bond_.name; }
    const core::BondState &core() const { return bond_; }
    const Ports &ports() const { return ports_; }
    // Of its devices in this network namespace: the one the host uses, or, while that is elsewhere, the other end.
    std::uint32_t ifindex() const { return device_.is_here() ? device_.ifindex() : device_.peer(); }
    std::uint32_t peer() const { return device_.peer(); }
    const BondDevice &device() const { return device_; }
    const std::optional<Abode> &abode() const { return abode_; }
    Task<Result<void>> persist(); // an error is the caller's to act on
    // What has been done, or taken back, goes to disk as soon as it takes it. Either the intent is there already, or
    // devices tell whoever comes next.
    Task<Result<void>> keep();
    // What undoes a change, or ends the bond, is done whether or not it can be saved.
    Task<Result<void>> regardless(std::function<Task<Result<void>>(BondController &)>);
    // Before its device gets this name.
    Task<Result<void>> intend_name(std::string next);
    void drop_name(const std::string &next); // it did not get it
    SavedBondFile save() const;
    Result<void> persist_now(); // while no loop runs
    show::BondView view() const;
    Result<show::LacpHistory> lacp_history() const; // EOPNOTSUPP in other modes

private:
    BondController(Host &, core::BondState, BondDevice, std::shared_ptr<loader::DataPath>);

    show::SlaveView view_of(const core::Slave &, const core::Desired &) const; // view.cpp
    show::LacpView lacp_view() const;
    Task<Result<void>> go_on(By, SavedBondFile, bool made_anew); // adopt.cpp
    void start();
    void adopt_lacp(const lacp::SystemState &);
    using Work = std::variant<core::Event, core::Effects>; // what has happened; what a command has led to
    struct Done {                                          // since settle() began
        bool devices = false;                              // something that devices may have to follow
        bool transitions = false;                          // worth saving
        bool lacp = false;                                 // one of its machines has changed
    };
    void settle(Work = core::Effects{});      // the one way into the core and out of it
    void settle_all(std::vector<Work> works); // and looks once at what follows
    void carry_out(core::Effects &&, Done &); // effects.cpp, as the next
    void carry_out(const core::Effect &, Done &);
    void set_addresses(core::Effects &&macs, core::Effects &&after);
    void send_slow(const core::SendSlow &);
    void send_probes(const core::SendProbes &);
    void announce_on(SlotId);
    void rejoin();
    void note(const core::Transition &, Done &);
    void follow_up(const Done &);
    void note_filters(const AddedFilters &);
    // What is about to be done is in whatever is saved from here on, and on disk before it is done; keep() ends it. On
    // an error nothing may be done, and it is taken back.
    using Intent = std::function<void(core::BondState &)>;
    Task<Result<void>> intend(Intent);
    Task<Result<void>> on_record(); // of what save() has by itself; regardless() of the outcome, if need be
    void persist_soon(const Done &);
    void run_balance();
    void record(const core::Transition &);
    void arm();
    void on_deadline();
    void look_at_all();
    void on_data_path_events();
    void observe_and_handle(std::span<const core::Slave> slaves);
    void on_driver_answered(SlotId);
    void handle_links(core::LinksObserved); // completed by the data path's stamps
    bool may_be_down() const;
    void own_device_changed(const sys::LinkInfo &);
    void own_device_told(const sys::LinkInfo &);
    void ask_own_truth(int times = 0);
    void catch_up(); // links and addresses where the bond's device is
    struct Moved;    // elsewhere/move.cpp
    Task<Result<void>> settle_in(Moved);
    void take_in_netns(std::optional<NsidEvents>, LinkTable::Dump);
    void ask_truth(std::uint32_t ifindex, int times = 0); // of a device that is not as the bond has it
    void on_truth(const sys::LinkInfo &);
    bool is_as_own(const sys::LinkInfo &) const;   // of the bond's device, wherever it is
    bool is_as_known(const sys::LinkInfo &) const; // of a slave
    bool may_be_old(const sys::LinkInfo &truth, const LinkTable &where) const;
    void peer_is(bool up);
    Task<Result<void>> addresses_set();
    Task<Result<void>> follow_device();
    Task<Result<void>> leave_to_master(std::uint32_t ifindex);
    Task<Result<void>> follow_address(MacAddr);
    Task<Result<void>> reprogram(ProgramSet);
    Task<Result<void>> open_slave(SlaveOriginal, core::EnslavePlan, core::DeviceFacts &);
    Task<Result<void>> close_slave(core::Slave, core::ReleasePlan);
    SlaveOriginal take_original(std::uint32_t ifindex);
    Task<Result<void>> give_up_slave(std::uint32_t ifindex);
    void ports_changed();
    bool has_address(const MacAddr &, std::uint32_t but) const; // but a port
    void adopt_chain(const std::optional<SavedChain> &saved);

    Host &host_;
    core::BondState bond_;
    BondDevice device_;
    std::shared_ptr<loader::DataPath> path_; // hands load, attach and detach; the rest is the loop's
    std::vector<SlaveOriginal> originals_;
    Applier applier_;
    LinkWatch links_;
    SlowChannels slow_; // mode 802.3ad
    BondSaver saver_;
    Intent intent_;               // none: nothing is about to be done
    bool regardless_ = false;     // see there
    std::uint64_t published_ = 0; // times
    std::optional<SavedChain> chain_;
    Ports ports_;
    std::optional<Abode> abode_; // of its device, as saved
    std::unique_ptr<NetnsWatch> netns_watch_;
    Prober prober_;
    std::deque<Work> queue_;
    bool addresses_stale_ = true;                 // own addresses may have changed since the data path was told
    std::optional<core::Desired> synced_devices_; // what Applier::sync_devices last saw
    std::deque<core::Transition> history_;
    sys::EventLoop::Source timer_, events_, stack_timer_;
    Alive alive_;
    int setting_ = 0;        // lists of addresses that hands have yet to set
    bool following_ = false; // follow_device() waits for its turn
    bool held_back_ = false; // losses of slaves, while the bond may be down
    bool ended_ = false;     // by destroy(): what hands still tell concerns nobody
};

loader::DataPath::Config data_path_config(const std::filesystem::path &pin_root, const core::BondState &,
                                          const BondDevice &);

} // namespace xbond::daemon
