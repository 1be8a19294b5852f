// SPDX-License-Identifier: MIT
// Filters in a clsact qdisc, for kernels without tcx. No pin holds a filter: it is known by its handle and by the table
// that its program uses. `qdisc_<ifindex>` marks a qdisc that was made by us, and is therefore ours to remove.
#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cstring>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "loader/hook/hook.h"
#include "loader/pins.h"

namespace xbond::loader {
namespace {

constexpr std::uint32_t filter_handle = filter_priority;

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
    if (const int error = bpf_tc_attach(&hook, &filter); error != 0) {
        return kernel_error(error, "cannot set the clsact filter on " + describe(where));
    }
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
        if (m->nlmsg_type == NLMSG_DONE) {
            return true;
        }
        if (m->nlmsg_type == NLMSG_ERROR) {
            const int error = m->nlmsg_len >= NLMSG_LENGTH(sizeof(nlmsgerr))
                                  ? static_cast<const nlmsgerr *>(NLMSG_DATA(m))->error
                                  : -EIO;
            any = any || (error != -ENOENT && error != -EINVAL && error != -ENODEV); // those: no qdisc, no device
            return true;
        }
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
    if (!socket || send(socket.get(), &request, sizeof(request), 0) < 0) {
        return true;
    }
    bool any = false;
    alignas(nlmsghdr) std::array<char, 32768> answer;
    for (;;) {
        const ssize_t size = recv(socket.get(), answer.data(), answer.size(), 0);
        if (size < 0) {
            return true;
        }
        if (count_filters(answer.data(), static_cast<std::size_t>(size), any)) {
            return any;
        }
    }
}

std::filesystem::path qdisc_mark(const std::filesystem::path &pin_dir, std::uint32_t ifindex) {
    return pin_dir / ("qdisc_" + std::to_string(ifindex));
}

// Id of the program in our filter, 0 when there is none.
std::uint32_t filter_prog_id(HookPoint where) {
    bpf_tc_hook hook = tc_hook(where);
    bpf_tc_opts filter = tc_filter();
    return bpf_tc_query(&hook, &filter) == 0 ? filter.prog_id : 0;
}

// Removes our filter; then the qdisc, if the mark is there and nobody else's filter is on it. Other filters stay.
void remove_filter(HookPoint where, const std::filesystem::path &mark) {
    bpf_tc_hook hook = tc_hook(where);
    const bpf_tc_opts filter = tc_filter();
    bpf_tc_detach(&hook, &filter);
    std::error_code ignored;
    if (!std::filesystem::exists(mark, ignored) || has_filters({where.ifindex, Direction::ingress}) ||
        has_filters({where.ifindex, Direction::egress})) {
        return;
    }
    hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
    bpf_tc_hook_destroy(&hook);
    remove_pin(mark);
}

// The qdisc, if it is missing and then with the mark; and our filter.
Result<void> attach_filter(HookPoint where, const std::filesystem::path &mark, int prog_fd) {
    bpf_tc_hook hook = tc_hook(where);
    const int error = bpf_tc_hook_create(&hook);
    if (error != 0 && error != -EEXIST) {
        return kernel_error(error, "cannot make the clsact qdisc of " + describe(where));
    }
    if (error == 0) {
        XB_TRY_VOID(make_pin_dir(mark));
    }
    auto set = set_filter(where, prog_fd);
    if (!set) {
        remove_filter(where, mark);
    }
    return set;
}

class ClsactHook final : public Hook {
public:
    ClsactHook(HookPoint where, std::filesystem::path mark) : Hook(where), mark_(std::move(mark)) {}

    Result<bool> mend(int prog_fd) override {
        const std::uint32_t there = prog_id();
        drop_complaints();
        XB_TRY(ours, program_info(prog_fd));
        if (there == ours->id) {
            return false;
        }
        return attach_filter(where(), mark_, prog_fd).map([] { return true; });
    }

    std::uint32_t prog_id() const override { return filter_prog_id(where()); }
    Result<void> update(int prog_fd) override { return set_filter(where(), prog_fd); }
    void detach() override { remove_filter(where(), mark_); }
    void pins_moved(const std::filesystem::path &pin_dir) override { mark_ = pin_dir / mark_.filename(); }

private:
    std::filesystem::path mark_;
};

class Clsact final : public HookKind {
public:
    std::string_view name() const override { return "clsact"; }
    std::string_view means() const override { return "clsact filters"; }
    bool can_be_taken() const override { return true; }
    Ms look_pause() const override { return Ms(500); }

    Result<std::unique_ptr<Hook>> attach(const HookPlace &place, int prog_fd) const override {
        std::filesystem::path mark = qdisc_mark(place.pin_dir, place.where.ifindex);
        XB_TRY_VOID(attach_filter(place.where, mark, prog_fd));
        return std::make_unique<ClsactHook>(place.where, std::move(mark));
    }

    Result<std::unique_ptr<Hook>> adopt(const HookPlace &place, std::uint32_t table_id) const override {
        const std::uint32_t id = filter_prog_id(place.where);
        const auto info =
            id != 0 ? program_info_by_id(id) : fail(ENOENT, "no filter of xbond on " + describe(place.where));
        if (!info) {
            return tl::unexpected(info.error());
        }
        if (std::ranges::find(info->map_ids, table_id) == info->map_ids.end()) {
            return fail(ENOENT, "the filter on " + describe(place.where) + " belongs to another bond");
        }
        return std::make_unique<ClsactHook>(place.where, qdisc_mark(place.pin_dir, place.where.ifindex));
    }

    void sweep(std::uint32_t ifindex, const std::filesystem::path &pin_dir, const IsOurs &is_ours) const override {
        const std::filesystem::path mark = qdisc_mark(pin_dir, ifindex);
        std::error_code ignored;
        for (const Direction direction : {Direction::ingress, Direction::egress}) {
            const auto id = filter_prog_id({ifindex, direction}); // another's: of a data path that has taken over
            if (is_ours(id) || (id == 0 && std::filesystem::exists(mark, ignored))) {
                remove_filter({ifindex, direction}, mark);
            }
        }
    }
};

} // namespace

const HookKind &clsact_hook() {
    static const Clsact kind;
    return kind;
}

} // namespace xbond::loader
