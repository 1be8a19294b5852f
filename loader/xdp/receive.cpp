// SPDX-License-Identifier: MIT
// `receive xdp`: whether xb_xdp on a slave may give the bond what is for it, and where to. What a frame goes through is
// chosen by the published table alone (XB_SLOT_BY_XDP); here is made sure that it arrives.
#include <bpf/bpf.h>

#include "loader/bpf_calls.h"
#include "loader/datapath_impl.h"
#include "loader/xdp/takes.h"

namespace xbond::loader {

// What can be known before xb_xdp is attached; empty: nothing.
std::string DataPath::Impl::cannot_receive(const XdpSlave &slave) const {
    if (!features.af_xdp || maps.fd(XB_MAP_ENTER) < 0) {
        return "this kernel has no AF_XDP";
    }
    if (!bond_is_here()) {
        return "the bond's device is in another network namespace";
    }
    if (chained) {
        return "a program is chained: what it passes goes by TC";
    }
    return slave.receive_refused;
}

// The pair takes its entry along when it goes.
void DataPath::Impl::let_receive(const XdpSlave &slave, XdpState &state) {
    state.receives = state.unsummed = false;
    state.receives_why = slave.receive ? cannot_receive(slave) : "";
    if (!slave.receive || !state.receives_why.empty()) {
        return;
    }
    if (state.attached != XdpState::Attached::native) {
        state.receives_why = "xb_xdp does not run in the driver: " + state.why;
        return;
    }
    const int map = maps.fd(XB_MAP_ENTER);
    const std::uint32_t key = 0;
    std::uint32_t there = 0;
    if ((bpf_map_lookup_elem(map, &key, &there) != 0 || there != config.peer_ifindex) &&
        bpf_map_update_elem(map, &key, &config.peer_ifindex, BPF_ANY) != 0) {
        state.receives_why = kernel_error(errno, "cannot name the pair to xb_xdp").value().message;
        return;
    }
    state.receives = true;
    state.unsummed = is_veth(slave.ifindex);
}

} // namespace xbond::loader
