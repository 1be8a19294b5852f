// SPDX-License-Identifier: MIT
#include "loader/table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "loader/bpf_calls.h"

namespace xbond::loader {
namespace {

template <typename T> T load(const T &value) { return __atomic_load_n(&value, __ATOMIC_ACQUIRE); }
template <typename T> void store(T &place, T value) { __atomic_store_n(&place, value, __ATOMIC_RELEASE); }

constexpr std::size_t bank_words = sizeof(xb_bank) / sizeof(std::uint32_t);
static_assert(sizeof(xb_bank) % sizeof(std::uint32_t) == 0);

// Stragglers may be reading: whole words, so that no value is torn.
void write_bank(xb_bank &place, const xb_bank &bank) {
    std::array<std::uint32_t, bank_words> words;
    std::memcpy(words.data(), &bank, sizeof(bank));
    auto *const target = reinterpret_cast<std::uint32_t *>(&place);
    for (std::size_t i = 0; i < bank_words; ++i) {
        __atomic_store_n(target + i, words[i], __ATOMIC_RELAXED);
    }
}

} // namespace

Result<Table> Table::map(int table_fd) {
    XB_TRY(mapped, Mapped<xb_table>::map(table_fd, XB_MAP_TABLE));
    Table table;
    table.table_ = std::move(*mapped);
    return table;
}

std::uint32_t Table::layout() const { return load(table_->layout); }

void Table::initialise(const xb_bank &bank) {
    write_bank(table_->banks[0], bank);
    write_bank(table_->banks[1], bank);
    store(table_->layout, std::uint32_t{XB_LAYOUT_VERSION});
}

const xb_bank &Table::published() const { return table_->banks[load(table_->bank) & 1]; }

void Table::publish(const xb_bank &bank) {
    xb_bank next = bank;
    next.n_pick = std::min<std::uint32_t>(next.n_pick, XB_MAX_SLAVES);
    std::fill(next.pick + next.n_pick, std::end(next.pick), static_cast<std::uint8_t>(XB_NO_SLOT));
    if (std::memcmp(&next, &published(), sizeof(next)) == 0) {
        return;
    }
    const std::uint32_t inactive = 1 - (load(table_->bank) & 1);
    write_bank(table_->banks[inactive], next);
    store(table_->bank, inactive); // the flip; the programs' reads depend on the index, so they need no barrier
}

std::uint32_t Table::slot_ifindex(SlotId slot) const { return load(table_->slot[slot].ifindex); }

bool Table::slot_has_device(SlotId slot) const { return load(table_->slot[slot].dev) != 0; }

void Table::name_slot(SlotId slot, std::uint32_t ifindex) {
    store(table_->slot[slot].ifindex, ifindex);
    count_slots();
}

void Table::clear_slot(SlotId slot) {
    xb_slot &place = table_->slot[slot];
    store(place.ifindex, std::uint32_t{0});
    store(place.dev, decltype(xb_slot::dev){0});
    store(place.latched, std::uint32_t{0});
    count_slots();
}

void Table::count_slots() {
    std::uint32_t count = XB_MAX_SLAVES;
    while (count > 0 && load(table_->slot[count - 1].ifindex) == 0) {
        --count;
    }
    store(table_->n_slots, count);
}

void Table::set_lease(std::uint64_t until) { store(table_->lease_until, decltype(xb_table::lease_until){until}); }

void Table::set_chained(bool chained) { store(table_->chained, decltype(xb_table::chained){chained}); }

bool Table::latched(SlotId slot) const { return load(table_->slot[slot].latched) != 0; }

void Table::clear_latch(SlotId slot) { store(table_->slot[slot].latched, std::uint32_t{0}); }

} // namespace xbond::loader
