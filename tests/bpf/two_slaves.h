// SPDX-License-Identifier: MIT
// A bond of mode active-backup in a namespace of the test's own: e0 in slot 0, e1 in slot 1.
#pragma once

#include <memory>

#include "tests/bpf/data_path.h"
#include "tests/harness/device.h"

namespace xbond::test {

struct TwoSlaves {
    TwoSlaves() {
        enter_bond_netns();
        harness::add_veth("e0");
        harness::add_veth("e1");
        path = std::make_unique<DataPath>(xb_config{.bond_ifindex = harness::ifindex("bond0"),
                                                    .peer_ifindex = harness::ifindex("bond0p"),
                                                    .mode = XB_MODE_ACTIVEBACKUP});
        e0.ifindex = path->set_slot(0, "e0");
        e1.ifindex = path->set_slot(1, "e1");
    }

    std::unique_ptr<DataPath> path;
    RunContext e0, e1;
};

} // namespace xbond::test
