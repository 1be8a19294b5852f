// SPDX-License-Identifier: MIT
// Frames of the slow protocols: the codec, and a system with two ports that receives them, one input a run of frames.
#include <stdexcept>
#include <vector>

#include "user/core/lacp/system.h"

using namespace xbond;
using namespace xbond::lacp;

namespace {

constexpr Time start(1'000'000'000);

// Made once: each input begins with a copy.
const System &fresh() {
    static const System system = [] {
        SystemOptions options;
        options.bond_mac = {{2, 0, 0, 0, 0x0a, 1}};
        System made(options);
        for (SlotId slot = 0; slot < 2; ++slot) {
            (void)made.add_port(slot, {{2, 0, 0, 0, 0x0a, slot}}, default_port_priority, start);
            (void)made.set_link(slot, {true, true, 10000}, start);
        }
        return made;
    }();
    return system;
}

} // namespace

// [port, delay, length, bytes...]...: a run of frames that is longer shows nothing that a shorter one does not
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    constexpr int most_frames = 12;
    System system = fresh();
    Time now = start;
    int frames = 0;
    for (std::span rest(data, size); rest.size() >= 3 && frames < most_frames; ++frames) {
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
