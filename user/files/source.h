// SPDX-License-Identifier: MIT
// What the files are made of, and where a change goes: xbondd. Errors keep its errno; ENODEV: there is no such device.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "user/api/protocol.h"
#include "xbond/result.h"

namespace xbond::files {

class Source {
public:
    Source() = default;
    Source(const Source &) = delete;
    Source &operator=(const Source &) = delete;
    virtual ~Source() = default;

    virtual Result<nlohmann::ordered_json> ask(const api::Request &) = 0;
    // A device of this network namespace, whether or not xbondd has to do with it.
    virtual bool exists(const std::string &device) const = 0;
    // Where the kernel keeps the files of that device ("/sys/devices/..."); empty: not to be seen from here.
    virtual std::string kernel_directory(const std::string &device, std::int64_t ifindex) const = 0;
    virtual std::vector<std::string> names_in(const std::string &kernel_directory) const = 0;
};

} // namespace xbond::files
