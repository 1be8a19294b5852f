// SPDX-License-Identifier: MIT
#include "tests/show/view_builder.h"

#include <linux/if.h>

namespace xbond::test {

using show::BondView;
using show::SlaveView;

sys::LinkInfo device(const std::string &name, std::uint32_t ifindex, const char *mac) {
    sys::LinkInfo d;
    d.ifindex = ifindex;
    d.name = name;
    d.flags = IFF_BROADCAST | IFF_MULTICAST | IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
    d.mtu = 1500;
    d.min_mtu = 68;
    d.max_mtu = 65535;
    d.txqlen = 1000;
    d.qdisc = "noqueue";
    d.operstate = "UP";
    d.mac = *MacAddr::parse(mac);
    d.kind = "veth";
    return d;
}

namespace {

SlaveView slave(SlotId slot, const std::string &name, std::uint32_t ifindex, const char *perm_mac) {
    SlaveView v;
    v.device = device(name, ifindex, "76:89:eb:1a:df:d7");
    v.slave.slot = slot;
    v.slave.ifindex = ifindex;
    v.slave.name = name;
    v.slave.mac = v.device.mac;
    v.slave.perm_mac = *MacAddr::parse(perm_mac);
    v.slave.running = v.slave.carrier = true;
    v.slave.speed = 10000;
    v.slave.duplex = core::duplex_full;
    v.slave.link = core::Link::up;
    v.driver = "veth";
    v.xdp = "none";
    v.xdp_why = "veth copies every skb";
    v.saved_mtu = 1400;
    v.published.slot = slot;
    v.published.fallback = slot == 0 ? SlotId{1} : SlotId{0};
    return v;
}

} // namespace

BondView bond_view(Mode mode) {
    BondView b;
    b.name = "bond0";
    b.device = device("bond0", 7, "76:89:eb:1a:df:d7");
    b.options.mode = mode;
    b.mac = b.device.mac;
    b.carrier = b.admin_up = true;
    b.visibility_now = "fast";
    b.carrier_check = "kfunc";
    b.hook = "tcx";
    b.slaves = {slave(0, "v0", 4, "76:89:eb:1a:df:d7"), slave(1, "v1", 6, "6e:48:df:81:54:d5")};
    b.pick = {0, 1};
    if (mode == Mode::active_backup) {
        b.active = b.primary = 0;
        b.options.primary = "v0";
        b.pick = {0};
        b.slaves[0].active = b.slaves[0].primary = true;
        b.slaves[1].slave.backup = b.slaves[1].slave.suppressed = b.slaves[1].published.suppress = true;
    }
    return b;
}

show::Snapshot snapshot_of(BondView bond) {
    show::Snapshot s;
    s.version = "0.1.0";
    s.kernel = "6.12.117+deb12-amd64";
    s.netns = 4026531840;
    s.pid = 42;
    s.now = std::chrono::seconds(100);
    s.started = std::chrono::seconds(60);
    s.features = {{"tcx", true, "links on tcx hooks"}, {"freplace", false, "refused"}};
    s.bonds.push_back(std::move(bond));
    return s;
}

} // namespace xbond::test
