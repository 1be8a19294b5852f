// SPDX-License-Identifier: MIT
// The command line's end of the control socket.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/fd.h"
#include "xbond/result.h"

namespace xbond::cli {

class Client {
public:
    static Result<Client> connect(const std::filesystem::path &socket); // errors keep connect's errno

    Result<void> send(std::string_view line);
    Result<std::string> receive(); // one line; EPIPE when the daemon closed the connection

private:
    explicit Client(Fd fd) : fd_(std::move(fd)) {}
    Fd fd_;
    std::string pending_;
};

} // namespace xbond::cli
