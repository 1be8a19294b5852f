// SPDX-License-Identifier: MIT
// The command line's end of the control socket.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "common/fd.h"
#include "xbond/result.h"

namespace xbond::cli {

class Client {
public:
    static Result<Client> connect(const std::filesystem::path &socket); // errors keep connect's errno

    // How long send and receive wait for the daemon before they give up with ETIMEDOUT; none: for ever.
    void set_patience(std::optional<std::chrono::milliseconds> patience) { patience_ = patience; }

    Result<void> send(std::string_view line, int descriptor = -1); // with a descriptor beside it
    Result<std::string> receive(); // one line; EPIPE when the daemon closed the connection
    bool alive() const;            // of one without a question open: the daemon has neither closed it nor said anything

private:
    explicit Client(Fd fd) : fd_(std::move(fd)) {}
    Result<void> wait_for(short events) const;

    Fd fd_;
    std::optional<std::chrono::milliseconds> patience_;
    std::string pending_;
};

} // namespace xbond::cli
