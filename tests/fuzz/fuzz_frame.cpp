// SPDX-License-Identifier: MIT
// Frames through the selection text in user space, under every mode and hash policy: ARP, neighbour discovery, IGMP and
// whatever is tunnelled, cut off anywhere.
#include <array>
#include <nlohmann/json.hpp>

#include "tests/show/view_builder.h"
#include "user/show/explain.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    using namespace xbond;
    if (size < 2) {
        return 0;
    }
    static const std::array views = [] {
        std::array<show::BondView, 7> made;
        for (std::size_t mode = 0; mode < made.size(); ++mode) {
            made.at(mode) = test::bond_view(static_cast<Mode>(mode));
        }
        return made;
    }();
    show::BondView view = views.at(data[0] % views.size());
    view.options.xmit_hash_policy = static_cast<HashPolicy>(data[1] % XB_N_POLICIES);
    (void)show::explain_frame(view, {data + 2, size - 2}, static_cast<std::uint16_t>(data[1] << 4));
    return 0;
}
