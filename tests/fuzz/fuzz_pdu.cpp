// SPDX-License-Identifier: MIT
// Frames of the slow protocols: the codec, and a system with two ports that receives them, one input a run of frames.
#include <stdexcept>
#include <vector>

#include "user/core/lacp/system.h"

using namespace xbond;
using namespace xbond::lacp;

// [port, delay, length, bytes...]...
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    SystemOptions options;
    options.bond_mac = {{2, 0, 0, 0, 0x0a, 1}};
    System system(options);
    Time now(1'000'000'000);
    for (SlotId slot = 0; slot < 2; ++slot) {
        (void)system.add_port(slot, {{2, 0, 0, 0, 0x0a, slot}}, default_port_priority, now);
        (void)system.set_link(slot, {true, true, 10000}, now);
    }
    for (std::span rest(data, size); rest.size() >= 3;) {
        const auto port = static_cast<SlotId>(rest[0] % 3);
        now += Ms(rest[1] * 20);
        const auto length = std::min<std::size_t>(rest[2], rest.size() - 3);
        const auto frame = rest.subspan(3, length);
        rest = rest.subspan(3 + length);
        const auto classified = classify(frame, system.options().system());
        (void)trailing_tlvs(classified.payload);
        if (classified.verdict == Verdict::lacpdu && encode(classified.pdu, {}).size() != 124) {
            throw std::logic_error("an LACPDU is not 124 octets long");
        }
        (void)system.receive(port, frame, now, now);
        (void)system.expire(now);
    }
    if (!System::restore(system.save(), now)) {
        throw std::logic_error("what was saved is not restored");
    }
    return 0;
}
