// SPDX-License-Identifier: MIT
#include "user/cli/question.h"

#include <cerrno>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "user/sys/netns.h"

namespace xbond::cli {

using nlohmann::ordered_json;

int refused(const Error &error, int code) {
    const char *name = ::strerrorname_np(error.code);
    std::cerr << "xbond: " << error.message << " (" << (name ? name : "?") << ")\n";
    return api::is_denied(error) ? exit_denied : code;
}

void print_json(const ordered_json &value, const Globals &globals) {
    std::cout << value.dump(globals.pretty ? 4 : -1, ' ', false, ordered_json::error_handler_t::replace) << '\n';
}

Result<std::filesystem::path> socket_path(const Globals &globals) {
    if (globals.socket) {
        return *globals.socket;
    }
    const auto netns = sys::netns_inode();
    return netns ? Result<std::filesystem::path>(sys::default_socket(*netns)) : tl::unexpected(netns.error());
}

tl::expected<Client, int> connect(const Globals &globals) {
    const auto path = socket_path(globals);
    if (!path) {
        return tl::unexpected(refused(path.error()));
    }
    auto client = Client::connect(*path);
    if (client) {
        return std::move(*client);
    }
    const int code = client.error().code;
    if (code == EACCES || code == EPERM) {
        return tl::unexpected(refused(client.error(), exit_denied));
    }
    std::cerr << "xbond: no daemon: nobody answers at " << path->string() << ": " << std::strerror(code)
              << ".\nStart one in this network namespace: xbondd"
              << (globals.netns ? "  (ip netns exec " + *globals.netns + " xbondd)" : "") << '\n';
    return tl::unexpected(exit_no_daemon);
}

Result<ordered_json> call(Client &client, const api::Request &request, int descriptor) {
    const auto sent = client.send(api::encode_request(request), descriptor);
    if (!sent && sent.error().code != EPIPE) { // a daemon that turned us away has said why before it closed
        return tl::unexpected(sent.error());
    }
    const auto line = client.receive();
    return line ? api::parse_reply(*line) : tl::unexpected(line.error());
}

// Bonds of a config are made one after the other, on real NICs in seconds each.
std::optional<std::chrono::milliseconds> patience(const Globals &globals, const api::Request &request) {
    constexpr std::chrono::seconds ordinary(10), of_apply(300);
    const auto wanted = globals.timeout.value_or(std::holds_alternative<api::Apply>(request) ? of_apply : ordinary);
    return wanted.count() == 0 ? std::nullopt : std::optional<std::chrono::milliseconds>(wanted);
}

// A daemon that is there and does not serve is, for a script, none.
int failed(const Error &error) {
    const bool silent = error.code == ETIMEDOUT || error.code == EUSERS;
    return refused(error, silent ? exit_no_daemon : exit_refused);
}

tl::expected<ordered_json, int> answer(const Globals &globals, const api::Request &request, int descriptor) {
    auto client = connect(globals);
    if (!client) {
        return tl::unexpected(client.error());
    }
    client->set_patience(patience(globals, request));
    if (descriptor >= 0) { // taken from those whose first answer has come
        if (const auto first = call(*client, api::LinkShow{.name = "lo"}); !first && first.error().code == ETIMEDOUT) {
            return tl::unexpected(failed(first.error()));
        }
    }
    auto result = call(*client, request, descriptor);
    if (!result) {
        return tl::unexpected(failed(result.error()));
    }
    return *std::move(result);
}

} // namespace xbond::cli
