// SPDX-License-Identifier: MIT
// A bond in a world of its own: devices whose carrier the test sets, and a clock that walks from deadline to deadline.
#pragma once

#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "user/core/bond/bond.h"

namespace xbond::test {

using core::BondState;
using core::Effects;
using core::Link;
using core::OptionValue;
using core::Slave;
using core::Transition;
using OptionList = std::vector<OptionValue>;

MacAddr mac(std::uint8_t last); // 02:00:00:00:00:<last>
core::DeviceFacts device(std::string name, std::uint8_t mac_byte, bool carrier = true);

class Lab {
public:
    static constexpr std::uint8_t bond_mac_byte = 0xb0, random_mac_byte = 0xaa;

    // Options as in one request; resend_igmp is 0 unless given.
    explicit Lab(const OptionList &options, bool mac_is_random = true, bool up = true);

    // Devices, named e0, e1 ... by the test; MAC 02:..:01 and so on in the order of enslavement.
    SlotId enslave(const std::string &name, bool carrier = true);
    SlotId enslave(const core::DeviceFacts &);
    void release(const std::string &name);

    void carrier(const std::string &name, bool on) { world_.at(name).carrier = on; } // nobody is told yet
    bool has_carrier(const std::string &name) const { return world_.at(name).carrier; }
    // Whether the path behind a slave reaches the targets: then it hears the answers to its own probes and the flooded
    // requests of others that are alive. Which of the targets answer: all, unless told.
    void alive(const std::string &name, bool on) { world_.at(name).alive = on; }
    void answers(std::size_t target, bool on);
    void hear(const std::string &name) { world_.at(name).last_rx = now; } // any frame
    void can_probe(bool on) { can_probe_ = on; }                          // no route to any target, otherwise
    void speed(const std::string &name, std::uint32_t speed, std::uint8_t duplex);
    void tell(); // an event between two ticks: everything is observed
    void tick(); // on to the monitor's next tick (with resend_igmp 0: the next deadline), and observe
    void ticks(int count);
    void walk(Time until); // from deadline to deadline
    void advance(Time by) { now += by; }

    void set(const std::string &option, const std::string &value); // must succeed
    Result<void> ask(const OptionList &);                          // one request
    Result<void> ask(const std::string &slave, const OptionList &);
    int request(const OptionList &);                                    // the errno of one request; 0 if it succeeds
    int set_fails(const std::string &option, const std::string &value); // the errno; 0 if it succeeds
    void prio(const std::string &slave, int value);
    void handle(const core::Event &);

    const Slave &slave(const std::string &name) const;
    SlotId slot(const std::string &name) const { return slave(name).slot; }
    std::string active() const; // name, "" if none
    std::string primary() const;
    std::vector<std::string> picks() const; // names; "-" for no_slot
    std::string fallback(const std::string &name) const;
    bool suppressed(const std::string &name) const;

    // What the effects since the last forget() were.
    template <typename Kind> std::vector<std::pair<Time, Kind>> seen() const {
        std::vector<std::pair<Time, Kind>> found;
        for (const auto &[when, effect] : log) {
            if (const auto *kind = std::get_if<Kind>(&effect)) {
                found.emplace_back(when, *kind);
            }
        }
        return found;
    }
    std::vector<int> announcements() const; // ms since forget()
    std::vector<int> rejoins() const;
    std::vector<std::string> probes() const; // "e0 100": ms since forget()
    core::DesiredSlave desired(const std::string &name) const;
    core::LinksObserved observe() const;
    void forget();

    Time now = Ms(1000);
    BondState bond;
    core::balance::Table table; // of the data path, in modes balance-tlb and balance-alb
    std::vector<std::uint16_t> vlan_ids;
    std::vector<std::pair<Time, core::Effect>> log;

private:
    struct World {
        bool carrier = true;
        std::uint32_t speed = 1000;
        std::uint8_t duplex = core::duplex_full;
        bool alive = false;
        Time last_rx{};
        std::array<Time, XB_MAX_TARGETS> target_rx{};
    };
    void probe(SlotId);
    void stamp(World &) const;
    void keep(const Effects &);
    void change(const core::balance::Changes &);
    std::string name_of(SlotId) const;

    std::map<std::string, World> world_;
    std::set<std::size_t> silent_targets_;
    bool can_probe_ = true;
    Time origin_ = now;
    std::uint8_t next_mac_ = 1;
};

} // namespace xbond::test
