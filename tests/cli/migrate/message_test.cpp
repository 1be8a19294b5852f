// SPDX-License-Identifier: MIT
// Messages as Linux 6.12 dumps them, and as they are sent for other devices.
#include <catch2/catch.hpp>
#include <cstring>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "user/cli/migrate/message.h"

using namespace xbond::cli::migrate;

namespace {

using Body = std::vector<std::uint8_t>;

template <typename T> Body raw(const T &value) {
    Body out(sizeof value);
    std::memcpy(out.data(), &value, sizeof value);
    return out;
}
struct Attr {
    std::uint16_t type;
    Body value;
};
Body with(Body body, const std::vector<Attr> &attrs) {
    for (const auto &a : attrs) {
        const auto head = raw(rtattr{static_cast<std::uint16_t>(4 + a.value.size()), a.type});
        body.insert(body.end(), head.begin(), head.end());
        body.insert(body.end(), a.value.begin(), a.value.end());
        body.resize((body.size() + 3) & ~std::size_t{3});
    }
    return body;
}
Body number(std::uint32_t n) { return raw(n); }

const Body local{10, 0, 0, 1}, second{10, 0, 0, 7}, gateway{10, 0, 0, 2};

Message address(std::uint32_t ifindex, const Body &ip, std::uint32_t flags, const Body &label = {'b', '0', 0}) {
    ifaddrmsg head{AF_INET, 24, static_cast<std::uint8_t>(flags), RT_SCOPE_UNIVERSE, ifindex};
    std::vector<Attr> attrs{{IFA_ADDRESS, ip}, {IFA_LOCAL, ip}};
    if (!label.empty()) {
        attrs.push_back({IFA_LABEL, label});
    }
    attrs.push_back({IFA_FLAGS, number(flags)});
    return {RTM_NEWADDR, 0, with(raw(head), attrs)};
}
Message address6(std::uint32_t ifindex, std::uint32_t flags) {
    ifaddrmsg head{AF_INET6, 64, static_cast<std::uint8_t>(flags), RT_SCOPE_UNIVERSE, ifindex};
    return {RTM_NEWADDR, 0, with(raw(head), {{IFA_ADDRESS, Body(16, 0xfd)}, {IFA_FLAGS, number(flags)}})};
}
Message route(std::uint32_t ifindex, std::uint8_t table, const std::vector<Attr> &more = {}, unsigned flags = 0) {
    rtmsg head{};
    head.rtm_family = AF_INET;
    head.rtm_table = table;
    head.rtm_protocol = RTPROT_STATIC;
    head.rtm_flags = flags;
    auto attrs = more;
    attrs.push_back({RTA_TABLE, number(table)});
    attrs.push_back({RTA_OIF, number(ifindex)});
    return {RTM_NEWROUTE, 0, with(raw(head), attrs)};
}
Message neighbour(std::uint32_t ifindex, std::uint16_t state, std::uint8_t flags = 0) {
    ndmsg head{};
    head.ndm_family = AF_INET;
    head.ndm_ifindex = static_cast<int>(ifindex);
    head.ndm_state = state;
    head.ndm_flags = flags;
    return {RTM_NEWNEIGH, 0, with(raw(head), {{NDA_DST, gateway}})};
}

} // namespace

TEST_CASE("migrate: what goes along is what the devices hold, and routes from their addresses") {
    Held all;
    all.addresses = {address(10, local, IFA_F_PERMANENT), address(3, second, IFA_F_PERMANENT),
                     address6(10, IFA_F_TEMPORARY)};
    const auto from_ours = route(3, RT_TABLE_MAIN, {{RTA_PREFSRC, local}});
    all.routes = {route(10, RT_TABLE_MAIN),
                  route(10, RT_TABLE_LOCAL),
                  route(3, RT_TABLE_MAIN),
                  from_ours,
                  route(10, 77),
                  route(10, RT_TABLE_MAIN, {}, RTM_F_CLONED)};
    all.neighbours = {neighbour(10, NUD_PERMANENT), neighbour(10, NUD_FAILED), neighbour(3, NUD_PERMANENT),
                      neighbour(10, 0, NTF_PROXY)};
    const auto held = held_by(all, {10});
    CHECK(held.addresses == std::vector<Message>{all.addresses[0]});
    CHECK(held.routes == std::vector<Message>{all.routes[0], from_ours, all.routes[4]});
    CHECK(held.neighbours == std::vector<Message>{all.neighbours[0], all.neighbours[3]});
}

TEST_CASE("migrate: a secondary IPv4 address is no temporary one, though the bit is the same") {
    Held all;
    all.addresses = {address(10, local, IFA_F_PERMANENT), address(10, second, IFA_F_PERMANENT | IFA_F_SECONDARY)};
    const auto held = held_by(all, {10});
    REQUIRE(held.addresses.size() == 2);
    all.routes = {route(10, RT_TABLE_MAIN), route(10, 77, {}, RTNH_F_LINKDOWN)};
    auto gone = taken(held_by(all, {10}));
    REQUIRE(gone.size() == 4);
    CHECK(gone[0].type == RTM_DELROUTE);
    CHECK(gone[0].body == route(10, 77).body);
    CHECK(gone[1].body == all.routes[0].body);
    gone = taken(held);
    CHECK(gone[0].type == RTM_DELADDR);
    // The secondary one first: it would go with the other. Without the label, which a rename of the device changes.
    CHECK(gone[0].body == address(10, second, IFA_F_PERMANENT | IFA_F_SECONDARY, {}).body);
    CHECK(gone[1].body == address(10, local, IFA_F_PERMANENT, {}).body);
}

TEST_CASE("migrate: addresses are put on the new device without the kernel's own state, labels and lifetimes kept") {
    Held held;
    held.addresses = {address(10, local, IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE, {'b', '0', ':', '7', 0})};
    const auto sent = put(held, {{10, 20}});
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].flags == (NLM_F_CREATE | NLM_F_EXCL));
    auto wanted = address(20, local, IFA_F_NOPREFIXROUTE, {'b', '0', ':', '7', 0});
    CHECK(sent[0].body == wanted.body);
    held.addresses = {address6(10, IFA_F_PERMANENT | IFA_F_TENTATIVE)};
    CHECK(put(held, {{10, 20}})[0].body == address6(20, IFA_F_NODAD).body); // the old device would answer
}

TEST_CASE("migrate: routes keep all that they say, those without a gateway come first, state of the link goes") {
    Held held;
    const std::vector<Attr> more{{RTA_GATEWAY, gateway}, {RTA_PRIORITY, number(50)}, {RTA_PREFSRC, local}};
    held.routes = {route(10, 77, more, RTNH_F_LINKDOWN | RTNH_F_ONLINK), route(10, RT_TABLE_MAIN)};
    const auto sent = put(held, {{10, 20}});
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].body == route(20, RT_TABLE_MAIN).body);
    CHECK(sent[1].body == route(20, 77, more, RTNH_F_ONLINK).body);
}

TEST_CASE("migrate: a route over several ways changes those of its ways that are the bond's") {
    const auto several = [](int ours, unsigned char flags) {
        Body ways;
        for (const int index : {ours, 3}) {
            rtnexthop hop{};
            hop.rtnh_len = sizeof hop + 8;
            hop.rtnh_ifindex = index;
            hop.rtnh_flags = flags;
            const auto one = with(raw(hop), {{RTA_GATEWAY, gateway}});
            ways.insert(ways.end(), one.begin(), one.end());
        }
        rtmsg head{};
        head.rtm_family = AF_INET;
        head.rtm_table = RT_TABLE_MAIN;
        return Message{RTM_NEWROUTE, 0, with(raw(head), {{RTA_MULTIPATH, ways}})};
    };
    Held all;
    all.routes = {several(10, RTNH_F_DEAD)};
    const auto held = held_by(all, {10});
    REQUIRE(held.routes.size() == 1);
    CHECK(put(held, {{10, 20}})[0].body == several(20, 0).body);
    CHECK(held_by(all, {11}).routes.empty());
}

TEST_CASE(
    "migrate: neighbours go along, those that were learned to be asked again; for people they read as ip writes them") {
    Held held;
    held.neighbours = {neighbour(10, NUD_PERMANENT)};
    CHECK(put(held, {{10, 20}})[0].body == neighbour(20, NUD_PERMANENT).body);
    held.neighbours = {neighbour(10, NUD_REACHABLE)};
    CHECK(put(held, {{10, 20}})[0].body == neighbour(20, NUD_STALE).body); // used at once, and asked for again
    CHECK(text(held.neighbours[0], {{10, "bond0"}}) == "neighbour 10.0.0.2 dev bond0");
    CHECK(text(address(10, local, 0), {{10, "bond0"}}) == "address 10.0.0.1/24 dev bond0");
    CHECK(text(route(10, 77, {{RTA_GATEWAY, gateway}, {RTA_PRIORITY, number(50)}}), {{10, "bond0"}}) ==
          "route default via 10.0.0.2 dev bond0 table 77 metric 50");
}

TEST_CASE("migrate: a message that is cut off anywhere is carried without a look beyond its end") {
    const auto whole = route(10, 77, {{RTA_GATEWAY, gateway}, {RTA_PREFSRC, local}});
    for (std::size_t size = 0; size <= whole.body.size(); ++size) {
        Held all;
        all.routes = {
            {RTM_NEWROUTE, 0, Body(whole.body.begin(), whole.body.begin() + static_cast<std::ptrdiff_t>(size))}};
        all.addresses = {{RTM_NEWADDR, 0, all.routes[0].body}};
        const auto held = held_by(all, {10});
        CHECK(put(held, {{10, 20}}).size() <= 2);
    }
}
