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

// Hands an error on. XB_TRY(link, netlink.link(name)) declares `link`, which then holds a value; XB_TRY_VOID is for
// what has none. The function returns a Result, of any type.
#define XB_TRY(result, ...)                                                                                            \
    auto result = (__VA_ARGS__);                                                                                       \
    if (!(result)) {                                                                                                   \
        return tl::unexpected(std::move(result).error());                                                              \
    }                                                                                                                  \
    static_assert(true)
#define XB_TRY_VOID(...)                                                                                               \
    if (auto xb_done = (__VA_ARGS__); !xb_done) {                                                                      \
        return tl::unexpected(std::move(xb_done).error());                                                             \
    }                                                                                                                  \
    static_assert(true)

} // namespace xbond
