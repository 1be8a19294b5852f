// SPDX-License-Identifier: MIT
#include "loader/xdp/applications.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <cstring>
#include <iterator>

#include "loader/bpf_calls.h"

namespace xbond::loader {
namespace {

constexpr std::uint32_t only = 0; // key of the one element

bool same(const xb_xsk_rule &a, const xb_xsk_rule &b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

Result<xb_xsk_rules> read_rules(int map) {
    xb_xsk_rules rules{};
    if (bpf_map_lookup_elem(map, &only, &rules) != 0) {
        return kernel_error(errno, "cannot read " XB_MAP_XSK_RULES);
    }
    return rules;
}

Result<void> store(int map, xb_xsk_rules &rules) {
    rules.n = XB_XSK_RULES;
    while (rules.n > 0 && rules.rule[rules.n - 1].fields == 0) {
        --rules.n;
    }
    if (bpf_map_update_elem(map, &only, &rules, BPF_ANY) != 0) {
        return kernel_error(errno, "cannot write " XB_MAP_XSK_RULES);
    }
    return {};
}

} // namespace

Result<Fd> make_application_sockets() {
    Fd fd(bpf_map_create(BPF_MAP_TYPE_XSKMAP, "xb_app_sockets", sizeof(std::uint32_t), sizeof(std::uint32_t),
                         XB_XSK_ENTRIES, nullptr));
    if (!fd) {
        return kernel_error(errno, "cannot make a map of AF_XDP sockets");
    }
    return fd;
}

// A rule that goes is out before its sockets are; one that comes has a map before it is in.
Result<void> write_rules(int rules_map, int applications_map, std::span<const xb_xsk_rule> wanted) {
    XB_TRY(rules, read_rules(rules_map));
    const auto is_in = [](auto &&list, const xb_xsk_rule &rule) {
        return std::ranges::any_of(list, [&](const xb_xsk_rule &other) { return same(rule, other); });
    };
    std::uint32_t gone = 0; // bits
    for (std::uint32_t i = 0; i < XB_XSK_RULES; ++i) {
        if (rules->rule[i].fields != 0 && !is_in(wanted, rules->rule[i])) {
            rules->rule[i] = {};
            gone |= 1U << i;
        }
    }
    XB_TRY_VOID(store(rules_map, *rules));
    for (std::uint32_t i = 0; i < XB_XSK_RULES; ++i) {
        if ((gone >> i & 1U) != 0) {
            (void)bpf_map_delete_elem(applications_map, &i);
        }
    }
    for (const xb_xsk_rule &rule : wanted) {
        auto *const place = std::ranges::find(rules->rule, 0U, &xb_xsk_rule::fields);
        if (is_in(rules->rule, rule) || place == std::end(rules->rule)) {
            continue;
        }
        const auto index = static_cast<std::uint32_t>(place - std::begin(rules->rule));
        XB_TRY(sockets, make_application_sockets());
        const int fd = sockets->get();
        if (bpf_map_update_elem(applications_map, &index, &fd, BPF_ANY) != 0) {
            return kernel_error(errno, "cannot give a rule its map of AF_XDP sockets");
        }
        *place = rule;
    }
    return store(rules_map, *rules);
}

Result<Fd> sockets_of_rule(int rules_map, int applications_map, const xb_xsk_rule &rule) {
    XB_TRY(rules, read_rules(rules_map));
    for (std::uint32_t i = 0; i < XB_XSK_RULES; ++i) {
        std::uint32_t id = 0;
        if (same(rules->rule[i], rule) && bpf_map_lookup_elem(applications_map, &i, &id) == 0) {
            Fd fd(bpf_map_get_fd_by_id(id));
            return fd ? Result<Fd>(std::move(fd)) : kernel_error(errno, "cannot open a map of AF_XDP sockets");
        }
    }
    return fail(ENOENT, "the data path does not have that rule yet");
}

} // namespace xbond::loader
