// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "tests/sys/lab.h"
#include "user/sys/netns.h"
#include "user/sys/sysctl.h"

using namespace xbond;
using namespace xbond::sys;

TEST_CASE("sysctl: read and written in the namespace of the thread") {
    const PrivateNetns ns;
    if (!ns) {
        return;
    }
    auto netlink = Netlink::open();
    REQUIRE(netlink);
    make_pair(*netlink, false);
    REQUIRE(write_sysctl("ipv4/conf/x0/arp_ignore", "8"));
    CHECK(*read_sysctl("ipv4/conf/x0/arp_ignore") == "8");
    CHECK(*read_sysctl("ipv4/conf/x1/arp_ignore") == "0");
    const auto bad = write_sysctl("ipv4/conf/x0/arp_ignore", "many");
    CHECK(bad.error().code == EINVAL);
    CHECK(bad.error().message.find("\"many\"") != std::string::npos);
}

TEST_CASE("sysctl: nothing outside /proc/sys/net") {
    CHECK(read_sysctl("ipv4/conf/no-such-device/arp_ignore").error().code == ENOENT);
    for (const auto *path :
         {"", "/etc/passwd", "../kernel/hostname", "ipv4/../../kernel/hostname", "ipv4/..", "ipv4//conf"}) {
        CHECK(read_sysctl(path).error().code == EINVAL);
        CHECK(write_sysctl(path, "1").error().code == EINVAL);
    }
}

TEST_CASE("default places hold the inode of the namespace") {
    CHECK(default_socket(4026531840) == "/run/xbond/4026531840/control");
    CHECK(default_state_dir(4026531840) == "/run/xbond/4026531840/state");
    REQUIRE(netns_inode());
}
