// SPDX-License-Identifier: MIT
#include "tests/netns/elsewhere/lab.h"

#include "tests/harness/wait.h"

namespace xbond::harness {

ElsewhereLab::ElsewhereLab(Switch::Kind kind) : Lab(kind, 2), c_(std::make_unique<NetNs>()) {
    if (kind == Switch::Kind::bridge) {
        station_ = std::make_unique<Station>(network(), 9);
    }
}

void ElsewhereLab::make_bond_elsewhere(const std::string &options) {
    make_bond(options);
    move(c());
    c().ip("addr add " + std::string(inside_ip) + "/24 dev bond0");
}

bool ElsewhereLab::wait_lives_in(const NetNs &where) const {
    return wait_until([&] {
        for (const NetNs *one : {&ns(), static_cast<const NetNs *>(c_.get())}) {
            if (one != nullptr && one != &where && one->exists("bond0")) {
                return false;
            }
        }
        return where.exists("bond0") && where.is_up("bond0") && where.carrier("bond0");
    });
}

} // namespace xbond::harness
