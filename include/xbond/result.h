// SPDX-License-Identifier: MIT
// Result<T>: what every function that can fail returns. An Error keeps the errno that the kernel's bonding would give
// and a message that names the value, what was expected and what to do.
#pragma once

#include <cerrno>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace xbond {

struct Error {
    int code = EINVAL; // errno, positive
    std::string message;
};

template <typename T> using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(int code, std::string message) {
    return tl::unexpected<Error>(Error{code, std::move(message)});
}

} // namespace xbond
