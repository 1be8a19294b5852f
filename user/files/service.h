// SPDX-License-Identifier: MIT
// xbondd's control socket as the files' source. Used by several threads; a daemon that is replaced is waited for.
#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>
#include <optional>

#include "user/cli/client.h"
#include "user/files/source.h"
#include "xbond/types.h"

namespace xbond::files {

class Service : public Source {
public:
    explicit Service(std::filesystem::path socket) : socket_(std::move(socket)) {}

    Result<nlohmann::ordered_json> ask(const api::Request &) override;
    bool exists(const std::string &device) const override;
    std::string kernel_directory(const std::string &device, std::int64_t ifindex) const override;
    std::vector<std::string> names_in(const std::string &kernel_directory) const override;

private:
    Result<cli::Client> connection();
    Result<cli::Client> connect_anew();

    std::filesystem::path socket_;
    std::mutex mutex_;              // of the next
    std::vector<cli::Client> idle_; // connections that wait for their next question
    std::atomic<bool> gone_{false}; // nobody came back within the patience: until somebody does, nothing is waited for
};

} // namespace xbond::files
