// SPDX-License-Identifier: MIT
#include "user/daemon/upper_devices.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace xbond::daemon {
namespace {

constexpr std::size_t max_stacking = 8; // as deep as the kernel allows devices to be stacked

using Tags = std::vector<wire::VlanTag>;

// The way from a device to the bond.
struct Way {
    Tags below;                            // tags that what comes out of `bridge` gets
    const sys::LinkInfo *bridge = nullptr; // the last one that filters VLANs, with the port it leaves by
    std::uint32_t port = 0;
    Tags above; // tags that come to it
};

Tags joined(Tags outer, const Tags &inner) {
    outer.insert(outer.end(), inner.begin(), inner.end());
    return outer;
}

// Which tags a frame has on the bond; none: the bridge keeps it to itself.
std::optional<Tags> tags_of(const LinkTable &links, const Way &way) {
    if (way.bridge == nullptr) {
        return joined(way.below, way.above);
    }
    Tags inner = way.above;
    wire::VlanTag tag{.proto = way.bridge->vlan_proto != 0 ? way.bridge->vlan_proto : std::uint16_t{0x8100}};
    if (!inner.empty() && inner.front().proto == tag.proto) {
        tag.id = inner.front().id;
        inner.erase(inner.begin());
    } else if (const auto *own = links.bridge_vlans(way.bridge->ifindex)) {
        tag.id = own->pvid;
    }
    const auto *port = links.bridge_vlans(way.port);
    if (port == nullptr) {
        return std::nullopt;
    }
    const auto vlan = std::ranges::find(port->vlans, tag.id, &sys::BridgeVlans::Vlan::id);
    if (vlan == port->vlans.end()) {
        return std::nullopt;
    }
    return joined(way.below, vlan->untagged ? inner : joined({tag}, inner));
}

class Search {
public:
    Search(const LinkTable &links, std::vector<UpperDevice> &found) : links_(links), found_(found) {}

    void above(const sys::LinkInfo &below, const Way &way, std::size_t depth) {
        if (depth == max_stacking) {
            return;
        }
        for (const std::uint32_t ifindex : links_.next_to(below.ifindex)) {
            if (const auto *link = links_.find(ifindex)) {
                visit(below, *link, way, depth);
            }
        }
    }

private:
    void visit(const sys::LinkInfo &below, const sys::LinkInfo &link, Way way, std::size_t depth) {
        if (link.link == below.ifindex && (link.kind == "vlan" || link.kind == "macvlan")) {
            if (link.kind == "vlan" && link.vlan_id != 0) {
                way.above.push_back({link.vlan_proto, link.vlan_id});
            }
        } else if (below.master == link.ifindex && link.kind == "bridge") {
            if (link.vlan_filtering) {
                const auto tags = tags_of(links_, way);
                if (!tags) {
                    return;
                }
                way = {.below = *tags, .bridge = &link, .port = below.ifindex, .above = {}};
            }
        } else {
            return;
        }
        if (auto tags = tags_of(links_, way)) {
            found_.push_back({&link, std::move(*tags)});
        }
        above(link, way, depth + 1);
    }

    const LinkTable &links_;
    std::vector<UpperDevice> &found_;
};

} // namespace

std::vector<UpperDevice> devices_on_top(const LinkTable &links, std::uint32_t bond_ifindex) {
    std::vector<UpperDevice> found;
    if (const auto *bond = links.find(bond_ifindex)) {
        found.push_back({bond, {}});
        Search(links, found).above(*bond, {}, 1);
    }
    return found;
}

} // namespace xbond::daemon
