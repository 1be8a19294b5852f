// SPDX-License-Identifier: MIT
#include "user/api/protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    (void)xbond::api::parse_config({reinterpret_cast<const char *>(data), size}, "config");
    return 0;
}
