// SPDX-License-Identifier: MIT
// A change of several steps is on record while it is carried out: a successor of a controller that was killed in
// between goes through with it, so that nobody finds half of it.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "user/daemon/daemon.h"
#include "user/daemon/saved/bond_file.h"
#include "user/daemon/saved/this_boot.h"

namespace xbond::daemon {
namespace {

using nlohmann::ordered_json;

// A single one is whole by itself: what it changes is on record before the device is changed.
bool has_steps(const api::Request &request) {
    if (const auto *config = std::get_if<api::Apply>(&request)) {
        return !config->dry_run;
    }
    if (const auto *set = std::get_if<api::LinkSet>(&request)) {
        return (set->master ? 1 : 0) + (set->options.empty() ? 0 : 1) + (set->slave_options.empty() ? 0 : 1) +
                   (set->up ? 1 : 0) + (set->address ? 1 : 0) + (set->mtu ? 1 : 0) >
               1;
    }
    return std::holds_alternative<api::LinkDel>(request);
}

std::optional<api::Request> read(const ThisBoot &now, const std::filesystem::path &path) {
    const auto all = read_marked(now, path);
    const auto line = all ? all->value("request", ordered_json()) : ordered_json();
    if (!line.is_string()) {
        return std::nullopt;
    }
    auto request = api::parse_request(line.get<std::string>());
    return request ? std::optional(std::move(*request)) : std::nullopt;
}

} // namespace

// Where it cannot be written the change is carried out all the same.
Task<Result<void>> Daemon::note_unfinished(const api::Request &request) {
    if (!has_steps(request)) {
        co_return Result<void>();
    }
    auto without = request;
    if (auto *set = std::get_if<api::LinkSet>(&without)) {
        set->netns.reset(); // of which a successor has no descriptor: it finds the device where it is
    }
    const auto all = mark(this_boot(), ordered_json::object({{"request", api::encode_request(without)}}));
    auto text = [text = all.dump(1, ' ', false, ordered_json::error_handler_t::replace)] { return text; };
    co_return co_await files_->whole(unfinished_file(settings_.state_dir), std::move(text), sys::Durable::no);
}

Task<Result<void>> Daemon::note_finished(const api::Request &request) {
    if (has_steps(request)) {
        co_return co_await files_->removed(unfinished_file(settings_.state_dir));
    }
    co_return Result<void>();
}

Task<Result<void>> Daemon::finish_unfinished() {
    auto look = [path = unfinished_file(settings_.state_dir), now = this_boot()](Hands::Tools &) {
        return read(now, path);
    };
    const auto request = co_await hands_->call("note a change", std::move(look));
    if (request) {
        spdlog::warn("the last controller ended in the middle of '{}': gone through with", api::command(*request));
        const auto reply = co_await change(*request, {});
        spdlog::info("{}: {}", api::command(*request), reply);
        (void)co_await note_finished(*request);
    }
    co_return Result<void>();
}

} // namespace xbond::daemon
