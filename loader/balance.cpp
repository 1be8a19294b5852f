// SPDX-License-Identifier: MIT
// The tables of load balancing, which the programs write too (include/xbond/balance.h).
#include <cstring>

#include "loader/datapath_impl.h"

namespace xbond::loader {
namespace {

// The programs hold a client's lock for some nanoseconds and never wait for it.
class ClientLock {
public:
    explicit ClientLock(xb_client &client) : client_(client) {
        while (__atomic_exchange_n(&client_.lock, 1U, __ATOMIC_ACQUIRE) != 0) {}
    }
    ClientLock(const ClientLock &) = delete;
    ClientLock &operator=(const ClientLock &) = delete;
    ~ClientLock() { __atomic_store_n(&client_.lock, 0U, __ATOMIC_RELEASE); }

private:
    xb_client &client_;
};

bool same_entry(const xb_client &a, const xb_client &b) {
    return a.server4 == b.server4 && a.client4 == b.client4 && (a.flags & XB_CLIENT_ASSIGNED) != 0;
}

} // namespace

// A controller that was killed may have left locks behind.
void DataPath::Impl::free_clients() {
    for (xb_client &client : lb->client) {
        __atomic_store_n(&client.lock, 0U, __ATOMIC_RELEASE);
    }
}

void DataPath::read_balance(xb_lb &copy) const {
    xb_lb &shared = *impl_->lb;
    __atomic_store_n(&shared.latched, 0U, __ATOMIC_RELEASE); // what happens from here on is told again
    copy.unbalanced = __atomic_load_n(&shared.unbalanced, __ATOMIC_RELAXED);
    copy.last_slot = __atomic_load_n(&shared.last_slot, __ATOMIC_RELAXED);
    for (std::size_t i = 0; i < XB_MAX_SLAVES; ++i) {
        copy.load[i] = __atomic_load_n(&shared.load[i], __ATOMIC_RELAXED);
    }
    for (std::size_t i = 0; i < XB_BUCKETS; ++i) {
        copy.bucket[i].owner = __atomic_load_n(&shared.bucket[i].owner, __ATOMIC_RELAXED);
        copy.bucket[i].tx_bytes = __atomic_load_n(&shared.bucket[i].tx_bytes, __ATOMIC_RELAXED);
        copy.bucket[i].history = __atomic_load_n(&shared.bucket[i].history, __ATOMIC_RELAXED);
    }
    for (std::size_t i = 0; i < XB_CLIENTS; ++i) {
        const ClientLock lock(shared.client[i]);
        std::memcpy(&copy.client[i], &shared.client[i], sizeof(xb_client));
    }
}

void DataPath::set_load(SlotId slot, std::uint64_t load) {
    if (slot < XB_MAX_SLAVES) {
        __atomic_store_n(&impl_->lb->load[slot], __u64{load}, __ATOMIC_RELAXED);
    }
}

void DataPath::take_unbalanced(std::uint64_t counted) {
    __atomic_fetch_sub(&impl_->lb->unbalanced, counted, __ATOMIC_RELAXED);
}

void DataPath::release_bucket(std::size_t index, SlotId owner, std::uint64_t counted, std::uint64_t history) {
    xb_bucket &bucket = impl_->lb->bucket[index % XB_BUCKETS];
    std::uint32_t expected = owner + 1U;
    __atomic_fetch_sub(&bucket.tx_bytes, counted, __ATOMIC_RELAXED);
    __atomic_store_n(&bucket.history, __u64{history}, __ATOMIC_RELAXED);
    __atomic_compare_exchange_n(&bucket.owner, &expected, 0U, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

void DataPath::change_client(std::size_t index, const xb_client &from, const xb_client &to) {
    xb_client &client = impl_->lb->client[index % XB_CLIENTS];
    const ClientLock lock(client);
    if (!same_entry(client, from)) {
        return;
    }
    const auto fresh = client.flags & ~from.flags; // what the programs have set meanwhile stays
    client.slot = to.slot;
    client.flags = static_cast<__u8>((to.flags & XB_CLIENT_ASSIGNED) != 0 ? to.flags | fresh : 0);
}

void DataPath::set_last_client_slot(SlotId slot) {
    __atomic_store_n(&impl_->lb->last_slot, slot < XB_MAX_SLAVES ? slot + 1U : 0U, __ATOMIC_RELAXED);
}

} // namespace xbond::loader
