// SPDX-License-Identifier: MIT
// Which devices' multicast lists have changed from one reading to the next.
#include <catch2/catch.hpp>

#include "user/daemon/group_watch.h"

namespace xbond::daemon {
namespace {

using Devices = GroupWatch::Devices;

constexpr const char *two = "2    eth0            1     0     333300000001\n"
                            "2    eth0            1     0     01005e000001\n"
                            "13   bond0           1     0     333300000001\n";

} // namespace

TEST_CASE("group watch: the first reading is news of every device") {
    GroupWatch::Lists lists;
    CHECK(lists.changed(two) == Devices{2, 13});
    CHECK(lists.changed(two).empty());
}

TEST_CASE("group watch: a group joined, left, or taken away with its device is news of that device") {
    GroupWatch::Lists lists;
    lists.changed(two);
    const std::string joined = std::string(two) + "13   bond0           1     0     01005e0a0b0c\n";
    CHECK(lists.changed(joined) == Devices{13});
    CHECK(lists.changed(two) == Devices{13});
    CHECK(lists.changed("2    eth0            1     0     333300000001\n") == Devices{2, 13});
    CHECK(lists.changed("") == Devices{2});
}

TEST_CASE("group watch: another number of users is news too, and lines that are none harm nobody") {
    GroupWatch::Lists lists;
    lists.changed(two);
    CHECK(lists
              .changed("2    eth0            2     0     333300000001\n"
                       "2    eth0            1     0     01005e000001\n"
                       "13   bond0           1     0     333300000001\n\nnothing\n99999999999 x\n")
              .contains(2));
}

} // namespace xbond::daemon
