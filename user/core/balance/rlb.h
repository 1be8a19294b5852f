// SPDX-License-Identifier: MIT
// Receive load balancing (`balance.clients`): which slave each client is given, and when clients are told. Pure.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "user/core/balance/table.h"
#include "user/core/link/slave.h"

namespace xbond::core::balance {

// 2 s of 100 ms ticks that count down, and the tick that sends.
inline constexpr Time update_interval = Ms(2100);

struct Update { // unicast ARP replies for one client
    SlotId slot = no_slot;
    MacAddr mac; // of the slave
    Client client;
};

struct ClientView { // what is needed to know of the bond
    std::span<const Slave> slaves;
    MacAddr bond_mac;
    std::span<const std::uint16_t> vlan_ids; // of the devices above the bond
};

class ReceiveBalance {
public:
    void reassign() { reassign_ = true; }                 // a slave came: everybody is given one anew
    void retell(SlotId slot) { retell_.push_back(slot); } // the slave's address changed
    std::vector<Update> run(const Table &, const ClientView &, Time now, Changes &);
    std::optional<Time> deadline() const; // of the next updates

private:
    void mark(std::vector<Client> &, const ClientView &, Time now);
    void mark_asked(std::vector<Client> &, const ClientView &, Time now);
    void give(std::vector<Client> &, const ClientView &, SlotId &last, Time now);
    void tell_repeatedly(Client &, Time now);
    std::vector<Update> updates_due(std::vector<Client> &, const ClientView &, Time now);

    bool reassign_ = false;
    std::vector<SlotId> retell_;
    bool pending_ = false; // somebody is to be told
    Time next_update_{};
    unsigned repeats_ = 0; // updates that leave `tell` set
};

// NEXT: round robin among the fastest slaves that can transmit.
SlotId next_slot(std::span<const Slave>, SlotId last);

} // namespace xbond::core::balance
