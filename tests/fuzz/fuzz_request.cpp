// SPDX-License-Identifier: MIT
// What anybody may write into the control socket; a request that is understood says the same when it is written anew.
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "user/api/protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    using namespace xbond;
    const auto request = api::parse_request({reinterpret_cast<const char *>(data), size});
    if (!request) {
        return 0;
    }
    const auto text = api::encode_request(*request);
    const auto again = api::parse_request(text);
    if (!again || api::encode_request(*again) != text) {
        throw std::logic_error("a request changes when it is written: " + text);
    }
    return 0;
}
