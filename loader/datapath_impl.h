// SPDX-License-Identifier: MIT
// What a DataPath holds; shared by the files that implement it.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "loader/datapath.h"
#include "loader/events.h"
#include "loader/hook/hook.h"
#include "loader/programs.h"
#include "loader/table.h"

namespace xbond::loader {

struct DataPath::Impl {
    Impl(Config c, Features f) : config(std::move(c)), features(std::move(f)), set(config.programs) {}

    Result<void> create();
    Result<void> adopt();
    Result<void> reprogram(const ProgramSet &next);
    Result<void> set_bond(std::uint32_t ifindex);
    bool bond_is_here() const { return device_here() != config.peer_ifindex; }
    // A device of the bond's in this network namespace, for programs that are run once.
    std::uint32_t device_here() const { return here; }
    static std::uint32_t here_of(const Config &c) {
        return c.bond_ifindex == 0 || c.bond_ifindex == moving ? c.peer_ifindex : c.bond_ifindex;
    }
    template <typename Call> void for_each_hook(Call call); // with the program that belongs there
    void mend_taken(std::vector<std::string> &told);
    void move_to_end(std::vector<std::string> &told);
    bool is_ours(std::uint32_t prog_id) const { return uses(prog_id, XB_MAP_TABLE); }
    bool uses(std::uint32_t prog_id, std::string_view map) const;
    Result<void> make_missing(ObjectKind kind); // maps, with their pins
    // Where received frames enter the bond: bond0 itself, or with full visibility the pair's other end.
    Bank with_entry(Bank bank) const;
    void forget_stamps(SlotId slot);
    void forget_replaced_targets(const xb_monitor &before, const xb_monitor &after);
    void free_clients();
    void set_targets(const Bank &bank); // of redirects from XDP

    Config config;
    std::atomic<std::uint32_t> here{here_of(config)}; // hands move the device, the loop reads
    Features features;                                // hook and carrier: what is in use
    ProgramSet set;
    bool outdated = false;
    Maps maps;
    Table table;
    Mapped<xb_stamps> stamps;
    Mapped<xb_lb> lb;
    EventReader events;
    std::size_t cpus = 0; // possible ones: values of each counter
    Programs programs;
    std::unique_ptr<Hook> tx_bond;
    std::unique_ptr<Hook> tx_peer;
    std::array<std::unique_ptr<Hook>, XB_MAX_SLAVES> rx;
    // What the devmaps hold, by slot; 0: nothing.
    std::array<std::uint32_t, XB_MAX_SLAVES> out{}, all{};
    // Somebody else may insist on the last place, too: each move makes the pause until the next one longer.
    unsigned moves = 0, looks_to_skip = 0;
    // What keeps the view true: hands load it, the loop runs it at each publish(). One that was replaced stays open
    // until the next is, since it may be running.
    std::atomic<int> view{-1};
    std::atomic<std::uint32_t> view_interval_us{0};
    Fd retired_view;

    HookPlace rx_place(SlotId slot, std::uint32_t ifindex) const;

    // xdp/ports.cpp
    Mapped<xb_ports> port_table;
    std::array<std::unique_ptr<Hook>, XB_PORTS> port_hooks;
    std::array<XdpPolicy, XB_PORTS> port_xdp{};
    std::array<bool, XB_PORTS> had_xdp{}; // it could be attached
    void adopt_ports();
    void look_at_capabilities();
    HookPlace port_place(std::uint32_t number, std::uint32_t ifindex) const;

    // xdp/chain.cpp
    std::optional<ChainedProgram> chained;
    void adopt_chained();
    Result<XdpState> set_xdp(const XdpSlave &slave);
    std::string cannot_receive(const XdpSlave &slave) const; // xdp/receive.cpp, as the next
    void let_receive(const XdpSlave &slave, XdpState &state);
    Result<void> fill_chain(int prog_fd, bool frags);
    Result<std::vector<XdpState>> set_xdp_on_all(std::span<const XdpSlave> slaves);

private:
    friend class DataPath;
    Result<std::uint32_t> number_for(std::uint32_t ifindex) const;
    Result<void> load_port_program();
    Result<XdpState> set_port_xdp(const Port &port);
    void write_port(std::uint32_t number, const Port &port, bool unsummed);
    void forget_addresses(std::uint32_t number);
    Result<void> place_xdp(const XdpSlave &slave, XdpState::Attached wanted);
    Result<XdpState> attach_wanted(const XdpSlave &slave);
    Result<void> make_chain_map(bool frags);
    Result<void> renew_chain_map(bool frags);
    Result<void> open_maps();
    Result<void> add_missing_maps();
    Result<void> adopt_programs();
    HookPlace tx_bond_place() const;
    HookPlace tx_peer_place() const;
    std::vector<std::pair<std::unique_ptr<Hook> *, HookPlace>> bond_hooks();
    Result<void> load_and_attach(std::span<const ObjectKind> kinds);
    Result<void> attach_bond();
    Result<void> adopt_bond();
    Result<void> adopt_slaves();
    Result<void> finish_swap();
    Result<void> load_anew(const ProgramSet &next);
    Result<void> use_programs(Programs next);
    Result<void> pin_programs(const Programs &which) const;
    Result<void> swap_hooks(const Programs &which);
    void compare_build();
    void forget_build() const;
};

} // namespace xbond::loader
