// SPDX-License-Identifier: MIT
// What the data path and the ARP/NS monitor share: the times of receptions out, own addresses in.
#include <array>
#include <bpf/bpf.h>
#include <cstring>
#include <set>

#include "loader/bpf_calls.h"
#include "loader/datapath_impl.h"

namespace xbond::loader {
namespace {

// Makes the keys of a map those wanted; what stays is not touched. New ones come before old ones go, where there is
// room for both. Of more than there is room for, as many as there is are told.
template <typename Addr> Result<void> set_keys(int map, std::span<const Addr> wanted) {
    std::set<Addr> missing(wanted.begin(), wanted.end());
    std::vector<Addr> superfluous;
    Addr key{};
    const Addr *previous = nullptr;
    for (Addr next; bpf_map_get_next_key(map, previous, &next) == 0; previous = &key) {
        key = next;
        if (missing.erase(key) == 0) {
            superfluous.push_back(key);
        }
    }
    const auto remove_superfluous = [&] {
        for (const Addr &addr : superfluous) {
            (void)bpf_map_delete_elem(map, addr.data());
        }
        superfluous.clear();
    };
    const auto add = [map](const Addr &addr) {
        const std::uint8_t one = 1;
        return bpf_map_update_elem(map, addr.data(), &one, BPF_ANY) == 0;
    };
    Result<void> done;
    for (const Addr &addr : missing) {
        bool added = add(addr);
        if (!added && !superfluous.empty()) {
            remove_superfluous();
            added = add(addr);
        }
        if (!added) {
            done = kernel_error(errno,
                                "cannot tell the data path of all " + std::to_string(wanted.size()) + " own addresses");
            break;
        }
    }
    remove_superfluous();
    return done;
}

} // namespace

// A target's stamps belong to its position in the lists: another target there has not been heard yet.
void DataPath::Impl::forget_replaced_targets(const xb_monitor &before, const xb_monitor &after) {
    for (std::size_t i = 0; i < XB_MAX_TARGETS; ++i) {
        const bool same = before.target4[i] == after.target4[i] &&
                          std::memcmp(before.target6[i], after.target6[i], sizeof(after.target6[i])) == 0;
        for (std::size_t slot = 0; !same && slot < XB_MAX_SLAVES; ++slot) {
            __atomic_store_n(&stamps->slot[slot].target_rx[i], 0, __ATOMIC_RELAXED);
        }
    }
}

void DataPath::Impl::forget_stamps(SlotId slot) {
    xb_slot_stamps &place = stamps->slot[slot];
    __atomic_store_n(&place.last_rx, 0, __ATOMIC_RELAXED);
    for (auto &stamp : place.target_rx) {
        __atomic_store_n(&stamp, 0, __ATOMIC_RELAXED);
    }
}

Stamps DataPath::stamps(SlotId slot) const {
    Stamps result;
    if (slot >= XB_MAX_SLAVES) {
        return result;
    }
    const xb_slot_stamps &place = impl_->stamps->slot[slot];
    result.last_rx = Time(__atomic_load_n(&place.last_rx, __ATOMIC_RELAXED));
    for (std::size_t i = 0; i < XB_MAX_TARGETS; ++i) {
        result.target_rx[i] = Time(__atomic_load_n(&place.target_rx[i], __ATOMIC_RELAXED));
    }
    return result;
}

Result<void> DataPath::set_own_addresses(std::span<const Ipv4Addr> v4, std::span<const Ipv6Addr> v6) {
    auto done = set_keys(impl_->maps.fd(XB_MAP_OWN4), v4);
    auto done6 = set_keys(impl_->maps.fd(XB_MAP_OWN6), v6);
    return done ? done6 : done;
}

} // namespace xbond::loader
