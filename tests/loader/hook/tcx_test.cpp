// SPDX-License-Identifier: MIT
// On a tcx hook ours is the last program, whoever comes later; and nobody loses a packet for that.
#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <catch2/catch.hpp>
#include <iostream>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loader/hook/hook.h"
#include "loader/pins.h"
#include "tests/harness/wait.h"
#include "tests/loader/lab.h"

using namespace xbond;
using namespace xbond::loader;
using harness::ifindex;
using test::need;

namespace {

bool skip_without_tcx() {
    if (test::features().hook->name() == "tcx") {
        return false;
    }
    std::cout << "SKIPPED: this kernel has no tcx\n";
    return true;
}

bpf_attach_type attach_type(HookPoint where) {
    return static_cast<bpf_attach_type>(where.direction == Direction::ingress ? 46 : 47);
}

// A link that the kernel appends, as it does for everybody who asks for no place.
Fd attach_behind(HookPoint where, const Fd &program) {
    union bpf_attr attr {};
    attr.link_create.prog_fd = static_cast<std::uint32_t>(program.get());
    attr.link_create.target_ifindex = where.ifindex;
    attr.link_create.attach_type = attach_type(where);
    Fd link(static_cast<int>(syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr.link_create))));
    REQUIRE(link);
    return link;
}

std::vector<std::string> names_on(HookPoint where) {
    std::array<std::uint32_t, 64> ids{};
    std::uint32_t count = ids.size(), flags = 0;
    REQUIRE(bpf_prog_query(static_cast<int>(where.ifindex), attach_type(where), 0, &flags, ids.data(), &count) == 0);
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < count; ++i) {
        names.push_back(need(program_info_by_id(ids.at(i))).name);
    }
    return names;
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("tcx: a program that was put behind ours is put before it, without a packet lost") {
    if (skip_without_tcx()) {
        return;
    }
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    path.publish(test::bank_on(0));
    const HookPoint bond{ifindex("xb0"), Direction::egress}, slave{ifindex("s0"), Direction::ingress};
    CHECK(path.mend_hooks().empty());
    test::Wire out("s0p");
    test::Load load("xb0", test::bond_mac);
    const Fd program = test::foreign_program(false);
    const Fd on_bond = attach_behind(bond, program), on_slave = attach_behind(slave, program);
    REQUIRE(names_on(bond) == Names{"xb_tx", "foreign"});
    REQUIRE(names_on(slave) == Names{"xb_rx", "foreign"});
    const auto told = path.mend_hooks();
    CHECK(names_on(bond) == Names{"xb_tx", "foreign"}); // full visibility meets it
    CHECK(names_on(slave) == Names{"foreign", "xb_rx"});
    REQUIRE(told.size() == 1);
    CHECK(told.at(0).find("foreign, BPF program ") != std::string::npos);
    CHECK(told.at(0).find("s0") != std::string::npos);
    CHECK(path.mend_hooks().empty());
    const auto sent = load.stop();
    CHECK(harness::wait_until([&] { return out.received() == sent; }));
    path = need(DataPath::adopt(lab.config(), test::features())); // what is pinned is what runs
    CHECK(path.mend_hooks().empty());
    CHECK(names_on(slave) == Names{"foreign", "xb_rx"});
    path.teardown();
    CHECK(names_on(bond) == Names{"foreign"});
    CHECK(names_on(slave) == Names{"foreign"});
}

TEST_CASE("tcx: other programs of a bond are its last ones from the start") {
    if (skip_without_tcx()) {
        return;
    }
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    const HookPoint slave{ifindex("s0"), Direction::ingress};
    const Fd program = test::foreign_program(false);
    const Fd link = attach_behind(slave, program);
    need(path.reprogram({Mode::balance_xor, HashPolicy::layer34, 1}));
    CHECK(names_on(slave) == Names{"foreign", "xb_rx"});
    CHECK(path.mend_hooks().empty());
}

TEST_CASE("tcx: a link of ours that somebody detaches is put back") {
    if (skip_without_tcx()) {
        return;
    }
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    CHECK(path.mend_hooks().empty());
    for (const char *const pin : {"tx_bond", "rx_1"}) {
        REQUIRE(bpf_link_detach(need(open_pin(lab.config().pin_dir / pin)).get()) == 0);
    }
    CHECK(names_on({ifindex("s1"), Direction::ingress}).empty());
    CHECK(path.mend_hooks().size() == 2);
    CHECK(names_on({ifindex("xb0"), Direction::egress}) == Names{"xb_tx"});
    CHECK(names_on({ifindex("s1"), Direction::ingress}) == Names{"xb_rx"});
    CHECK(path.mend_hooks().empty());
    path = need(DataPath::adopt(lab.config(), test::features()));
    CHECK(path.mend_hooks().empty());
}

TEST_CASE("tcx: who insists on the last place as well gets ever longer pauses, not a program a second") {
    if (skip_without_tcx()) {
        return;
    }
    const test::Lab lab;
    DataPath path = test::make_path(lab, test::features());
    const HookPoint slave{ifindex("s0"), Direction::ingress};
    const Fd program = test::foreign_program(false);
    std::size_t moves = 0;
    Fd link;
    for (int look = 0; look < 40; ++look) {
        link = Fd(); // anew at the end
        link = attach_behind(slave, program);
        moves += path.mend_hooks().size();
    }
    CHECK(moves == 6); // after 1, 2, 4, 8, 16 looks
}
