// SPDX-License-Identifier: MIT
// The same frame through the loaded program and through the selection text in user space: one hash. Root.
#include <array>
#include <memory>
#include <stdexcept>

#include "tests/bpf/data_path.h"
#include "tests/harness/sandbox.h"
#include "xbond/hash.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    using namespace xbond;
    constexpr std::size_t header = 14, longest = 512;
    static std::array<std::unique_ptr<test::DataPath>, XB_N_POLICIES> paths;
    if (size < 3 + header) {
        return 0;
    }
    const auto policy = static_cast<HashPolicy>(data[0] % XB_N_POLICIES);
    auto &path = paths.at(data[0] % XB_N_POLICIES);
    if (!path) {
        path = std::make_unique<test::DataPath>(xb_config{.mode = XB_MODE_XOR, .policy = static_cast<__u32>(policy)},
                                                test::best_carrier());
        path->bank().n_pick = 1;
    }
    const auto tci = static_cast<std::uint16_t>(data[1] << 8 | data[2]);
    const test::Bytes frame(data + 3, data + std::min(size, longest));
    const auto in_kernel = path->select(frame, tci).hash, here = flow_hash(frame, tci, policy);
    if (in_kernel != here) {
        throw std::logic_error("hash " + std::to_string(in_kernel) + " in BPF, " + std::to_string(here) + " here");
    }
    return 0;
}
