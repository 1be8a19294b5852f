// SPDX-License-Identifier: MIT
#include "user/api/port_words.h"

#include "user/core/options/keywords.h"

namespace xbond::api {

PortConfig read_port_words(ObjectReader &in) {
    constexpr std::uint32_t last_vlan = 4094;
    PortConfig out;
    out.mac = in.unicast_mac("mac");
    if (const auto vlan = in.number("vlan", 1, last_vlan)) {
        out.vlan = static_cast<std::uint16_t>(*vlan);
    }
    const auto xdp = in.text("xdp").value_or("auto");
    if (const auto policy = core::value_of(core::xdp_keywords, xdp)) {
        out.xdp = static_cast<XdpPolicy>(*policy);
    } else {
        in.refuse("xdp", "expected auto, native, generic or off, got " + xdp);
    }
    return out;
}

std::string PortConfig::words() const {
    return name + (mac ? " mac " + mac->str() : "") + (vlan ? " vlan " + std::to_string(*vlan) : "") +
           (xdp == XdpPolicy::automatic ? "" : " xdp " + std::string(core::name(xdp)));
}

} // namespace xbond::api
