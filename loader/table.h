// SPDX-License-Identifier: MIT
// xb_table through mmap: bank fill and flip, slots.
//
// Stragglers. A flip is not followed by a grace period: a program that read the old bank index goes on reading that
// bank, which the next publish() fills again. Such a packet sees a mix of two published states, but each value on its
// own is one that was right for one of them, because the bank is written in aligned words of four bytes:
//   n_pick     with the other state's pick[]: entries past the end are XB_NO_SLOT (publish() sees to it): a drop.
//   pick, igmp, active, fallback: a slot of the one state or the other. A slot that has been freed meanwhile has
//              ifindex 0, which is a drop; one that was given to another slave (the daemon detaches, clears, learns
//              and publishes in between, milliseconds) is a slave of this very bond.
//              A chain of fallbacks mixed from two states could be a ring: the programs bound the walk.
//   mac, bond_mac: may be half of each while a MAC is being changed, when either answer loses the frame: it carries
//              an address that nobody owns and is dropped by whoever gets it.
//   flags, queue_id, entry_*: one packet more under the old rule.
//   monitor: an answer validated by the old rule, or one more that is not.
#pragma once

#include "loader/mapped.h"
#include "xbond/abi.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::loader {

class Table {
public:
    Table() = default;
    static Result<Table> map(int table_fd);

    std::uint32_t layout() const;
    void initialise(const xb_bank &); // a new table: layout version, and this bank twice
    const xb_bank &published() const;
    void publish(const xb_bank &bank); // equal content is not published again

    std::uint32_t slot_ifindex(SlotId slot) const;
    bool slot_has_device(SlotId slot) const; // the net_device is known
    void name_slot(SlotId slot,
                   std::uint32_t ifindex); // after xb_learn wrote the device; without: carrier counts as on
    void clear_slot(SlotId slot);
    bool latched(SlotId slot) const;
    void clear_latch(SlotId slot);
    void set_lease(std::uint64_t until);
    void set_chained(bool); // a word of its own: hands may

private:
    void count_slots();

    Mapped<xb_table> table_;
};

} // namespace xbond::loader
