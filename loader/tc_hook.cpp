// SPDX-License-Identifier: MIT
#include "loader/tc_hook.h"

#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cstring>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "loader/pins.h"

namespace xbond::loader {
namespace {

// Ours on every hook, for ever: --teardown of a later version must find the filter. Far behind the priorities that
// people write by hand, before those that the kernel gives by itself (49152), so that policers come first.
constexpr std::uint32_t filter_handle = 0x7862; // "xb"
constexpr std::uint32_t filter_priority = 0x7862;

bpf_tc_hook tc_hook(HookPoint where) {
    bpf_tc_hook hook{};
    hook.sz = sizeof(hook);
    hook.ifindex = static_cast<int>(where.ifindex);
    hook.attach_point = where.direction == Direction::ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
    return hook;
}

bpf_tc_opts tc_filter() {
    bpf_tc_opts filter{};
    filter.sz = sizeof(filter);
    filter.handle = filter_handle;
    filter.priority = filter_priority;
    return filter;
}

Result<void> set_filter(HookPoint where, int prog_fd) {
    bpf_tc_hook hook = tc_hook(where);
    bpf_tc_opts filter = tc_filter();
    filter.prog_fd = prog_fd;
    filter.flags = BPF_TC_F_REPLACE;
    if (const int error = bpf_tc_attach(&hook, &filter); error != 0)
        return kernel_error(error, "cannot set the clsact filter on " + describe(where));
    return {};
}

struct FilterRequest {
    nlmsghdr header;
    tcmsg message;
};

// Counts the filters in one answer to a dump; true when the dump is over.
bool count_filters(const char *data, std::size_t size, bool &any) {
    auto left = static_cast<unsigned>(size);
    for (const auto *m = reinterpret_cast<const nlmsghdr *>(data); NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
        if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
            return true;
        any = any || m->nlmsg_type == RTM_NEWTFILTER;
    }
    return size == 0;
}

// Whether any filter, of whomever, is on this hook. In doubt: yes.
bool has_filters(HookPoint where) {
    const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    FilterRequest request{};
    request.header = {sizeof(request), RTM_GETTFILTER, NLM_F_REQUEST | NLM_F_DUMP, 1, 0};
    request.message.tcm_ifindex = static_cast<int>(where.ifindex);
    request.message.tcm_parent =
        TC_H_MAKE(TC_H_CLSACT, where.direction == Direction::ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
    if (!socket || send(socket.get(), &request, sizeof(request), 0) < 0)
        return true;
    bool any = false;
    alignas(nlmsghdr) std::array<char, 32768> answer;
    for (;;) {
        const ssize_t size = recv(socket.get(), answer.data(), answer.size(), 0);
        if (size < 0)
            return true;
        if (count_filters(answer.data(), static_cast<std::size_t>(size), any))
            return any;
    }
}

} // namespace

TcHook::TcHook(HookPoint where, Fd link, std::filesystem::path path)
    : where_(where), link_(std::move(link)), path_(std::move(path)) {}

Result<TcHook> TcHook::attach_tcx(HookPoint where, int prog_fd, std::filesystem::path link_pin) {
    auto link = create_tcx_link(prog_fd, where);
    if (!link)
        return tl::unexpected(link.error());
    if (auto pinned = pin(link->get(), link_pin); !pinned)
        return tl::unexpected(pinned.error());
    return TcHook(where, std::move(*link), std::move(link_pin));
}

Result<TcHook> TcHook::adopt_tcx(Direction direction, std::filesystem::path link_pin) {
    auto link = open_pin(link_pin);
    if (!link)
        return tl::unexpected(link.error());
    auto info = link_info(link->get());
    if (!info)
        return tl::unexpected(info.error());
    return TcHook({info->ifindex, direction}, std::move(*link), std::move(link_pin));
}

Result<TcHook> TcHook::attach_clsact(HookPoint where, int prog_fd, std::filesystem::path qdisc_mark) {
    bpf_tc_hook hook = tc_hook(where);
    const int error = bpf_tc_hook_create(&hook);
    if (error != 0 && error != -EEXIST)
        return kernel_error(error, "cannot make the clsact qdisc of " + describe(where));
    if (error == 0)
        if (auto marked = make_pin_dir(qdisc_mark); !marked)
            return tl::unexpected(marked.error());
    if (auto set = set_filter(where, prog_fd); !set) {
        remove_clsact(where, qdisc_mark);
        return tl::unexpected(set.error());
    }
    return TcHook(where, Fd(), std::move(qdisc_mark));
}

Result<TcHook> TcHook::adopt_clsact(HookPoint where, std::uint32_t map_id, std::filesystem::path qdisc_mark) {
    const std::uint32_t id = clsact_prog_id(where);
    const auto info = id != 0 ? program_info_by_id(id) : fail(ENOENT, "no filter of xbond on " + describe(where));
    if (!info)
        return tl::unexpected(info.error());
    if (std::ranges::find(info->map_ids, map_id) == info->map_ids.end())
        return fail(ENOENT, "the filter on " + describe(where) + " belongs to another bond");
    return TcHook(where, Fd(), std::move(qdisc_mark));
}

std::uint32_t TcHook::prog_id() const {
    if (!link_)
        return clsact_prog_id(where_);
    const auto info = link_info(link_.get());
    return info ? info->prog_id : 0;
}

Result<void> TcHook::update(int prog_fd) {
    if (!link_)
        return set_filter(where_, prog_fd);
    if (bpf_link_update(link_.get(), prog_fd, nullptr) != 0)
        return kernel_error(errno, "cannot swap the program on " + describe(where_));
    return {};
}

void TcHook::detach() {
    if (!link_)
        return remove_clsact(where_, path_);
    // Detached at once: an open descriptor elsewhere must not keep the program running.
    bpf_link_detach(link_.get());
    remove_pin(path_);
    link_ = Fd();
}

std::string qdisc_mark_name(std::uint32_t ifindex) { return "qdisc_" + std::to_string(ifindex); }

std::uint32_t clsact_prog_id(HookPoint where) {
    bpf_tc_hook hook = tc_hook(where);
    bpf_tc_opts filter = tc_filter();
    return bpf_tc_query(&hook, &filter) == 0 ? filter.prog_id : 0;
}

void remove_clsact(HookPoint where, const std::filesystem::path &qdisc_mark) {
    bpf_tc_hook hook = tc_hook(where);
    const bpf_tc_opts filter = tc_filter();
    bpf_tc_detach(&hook, &filter);
    std::error_code ignored;
    if (!std::filesystem::exists(qdisc_mark, ignored) || has_filters({where.ifindex, Direction::ingress}) ||
        has_filters({where.ifindex, Direction::egress}))
        return;
    hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
    bpf_tc_hook_destroy(&hook);
    remove_pin(qdisc_mark);
}

} // namespace xbond::loader
