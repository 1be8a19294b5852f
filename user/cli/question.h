// SPDX-License-Identifier: MIT
// Questions to the controller, and what a user and his script are told when there is no good answer.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <tl/expected.hpp>

#include "user/cli/client.h"
#include "user/cli/command.h"

namespace xbond::cli {

// Tells the trouble on stderr; the exit code that fits it, `code` where nothing fits better.
int refused(const Error &, int code = exit_refused);
int failed(const Error &); // of a question

void print_json(const nlohmann::ordered_json &, const Globals &);

Result<std::filesystem::path> socket_path(const Globals &);
// How long an answer is waited for; none: for ever.
std::optional<std::chrono::milliseconds> patience(const Globals &, const api::Request &);

// What fails is told; the exit code is returned.
tl::expected<Client, int> connect(const Globals &);
// `descriptor`: goes beside the request.
tl::expected<nlohmann::ordered_json, int> answer(const Globals &, const api::Request &, int descriptor = -1);

Result<nlohmann::ordered_json> call(Client &, const api::Request &, int descriptor = -1);

} // namespace xbond::cli
