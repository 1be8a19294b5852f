// SPDX-License-Identifier: MIT
#include "user/daemon/traffic/balancer.h"

#include <algorithm>
#include <bit>
#include <spdlog/spdlog.h>

#include "user/core/wire/arp.h"
#include "user/core/wire/learning.h"
#include "user/daemon/traffic/announcer.h"

namespace xbond::daemon {
namespace {

using core::balance::Client;

constexpr int replies_per_update = 2;

SlotId slot_of(std::uint32_t number) { // 0: none
    return number == 0 || number > XB_MAX_SLAVES ? no_slot : static_cast<SlotId>(number - 1);
}

xb_client raw_client(const Client &client) {
    xb_client raw{};
    raw.server4 = std::bit_cast<std::uint32_t>(client.server);
    raw.client4 = std::bit_cast<std::uint32_t>(client.client);
    raw.slot = client.slot;
    const unsigned assigned = XB_CLIENT_ASSIGNED, tell = XB_CLIENT_TELL, asked = XB_CLIENT_ASKED;
    raw.flags =
        static_cast<__u8>((client.assigned ? assigned : 0) | (client.tell ? tell : 0) | (client.asked ? asked : 0));
    return raw;
}

void send(Host &host, std::uint32_t ifindex, const wire::Frame &frame) {
    if (auto sent = send_frame(host, ifindex, frame); !sent) { // also tried on slaves that are down
        spdlog::debug("load balancing, interface {}: {}", ifindex, sent.error().message);
    }
}

} // namespace

Client balance_client(const xb_client &raw) {
    return {.assigned = (raw.flags & XB_CLIENT_ASSIGNED) != 0,
            .server = std::bit_cast<Ipv4Addr>(raw.server4),
            .client = std::bit_cast<Ipv4Addr>(raw.client4),
            .server_mac = std::bit_cast<MacAddr>(raw.server_mac),
            .client_mac = std::bit_cast<MacAddr>(raw.client_mac),
            .vlan_id = raw.vlan_id,
            .slot = raw.slot,
            .tell = (raw.flags & XB_CLIENT_TELL) != 0,
            .asked = (raw.flags & XB_CLIENT_ASKED) != 0};
}

core::balance::Table balance_table(const loader::DataPath &path) {
    xb_lb raw{};
    path.read_balance(raw);
    core::balance::Table table;
    for (const xb_bucket &bucket : raw.bucket) {
        table.buckets.push_back({bucket.tx_bytes, bucket.history, slot_of(bucket.owner)});
    }
    for (const xb_client &client : raw.client) {
        table.clients.push_back(balance_client(client));
    }
    std::copy(std::begin(raw.load), std::end(raw.load), table.load.begin());
    table.unbalanced = raw.unbalanced;
    table.last_given = slot_of(raw.last_slot);
    return table;
}

void apply(loader::DataPath &path, const core::balance::Changes &changes) {
    for (const auto &[slot, load] : changes.loads) {
        path.set_load(slot, load);
    }
    path.take_unbalanced(changes.unbalanced);
    for (const auto &release : changes.buckets) {
        path.release_bucket(release.index, release.owner, release.counted, release.history);
    }
    for (const auto &change : changes.clients) {
        path.change_client(change.index, raw_client(change.from), raw_client(change.to));
    }
    if (changes.last_given) {
        path.set_last_client_slot(*changes.last_given);
    }
}

std::vector<std::uint16_t> single_vlan_ids(const LinkTable &links, std::uint32_t bond_ifindex) {
    std::vector<std::uint16_t> ids;
    for (const auto &device : devices_on_top(links, bond_ifindex)) {
        if (device.tags.size() == 1) {
            ids.push_back(device.tags.front().id);
        }
    }
    return ids;
}

std::vector<Ipv4Addr> bridge_addresses(const LinkTable &links, std::uint32_t bond_ifindex) {
    std::vector<Ipv4Addr> found;
    for (const auto &device : devices_on_top(links, bond_ifindex)) {
        for (const auto &address : links.addresses(device.link->ifindex)) {
            if (device.link->kind == "bridge" && !address.v6) {
                Ipv4Addr v4;
                std::copy_n(address.addr.begin(), v4.size(), v4.begin());
                found.push_back(v4);
            }
        }
    }
    return found;
}

void send_learning(Host &host, const BondDevice &device, const core::Slave &slave, const MacAddr &mac, bool is_active) {
    send(host, slave.ifindex, wire::learning_packet(mac, {}));
    const LinkTable &links = device.links(host);
    const auto *bond = links.find(device.ifindex());
    if (bond == nullptr) {
        return;
    }
    for (const auto &[ifindex, link] : links.all()) {
        if (link.link != device.ifindex() || link.link_in_other_netns ||
            (link.kind != "vlan" && link.kind != "macvlan")) {
            continue;
        }
        const bool own = link.mac != bond->mac;
        const wire::VlanTag tag{link.vlan_proto, link.vlan_id};
        const std::span<const wire::VlanTag> tags(&tag, link.kind == "vlan" ? 1 : 0);
        if (own && is_active) {
            send(host, slave.ifindex, wire::learning_packet(link.mac, tags));
        } else if (!own && !tags.empty()) {
            send(host, slave.ifindex, wire::learning_packet(mac, tags));
        }
    }
}

void send_update(Host &host, std::uint32_t slave_ifindex, const core::balance::Update &update) {
    const auto &client = update.client;
    const wire::VlanTag tag{.id = client.vlan_id};
    const std::span<const wire::VlanTag> tags(&tag, client.vlan_id != 0 ? 1 : 0);
    const auto reply = wire::arp_reply({update.mac, client.server}, {client.client_mac, client.client}, tags);
    for (int i = 0; i < replies_per_update; ++i) {
        send(host, slave_ifindex, reply);
    }
}

} // namespace xbond::daemon
