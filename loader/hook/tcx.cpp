// SPDX-License-Identifier: MIT
// Links on tcx hooks (Linux 6.6): each is pinned under its place's name.
#include <algorithm>
#include <bpf/bpf.h>
#include <climits>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "loader/hook/hook.h"
#include "loader/pins.h"

namespace xbond::loader {
namespace {

// The headers of Debian 12 are older than tcx.
constexpr std::uint32_t attach_tcx_ingress = 46;
constexpr std::uint32_t attach_tcx_egress = 47;
constexpr std::uint32_t link_type_tcx = 11;

// libbpf 1.1 has no wrapper for it.
Result<Fd> create_link(int prog_fd, HookPoint where) {
    union bpf_attr attr {};
    attr.link_create.prog_fd = static_cast<std::uint32_t>(prog_fd);
    attr.link_create.target_ifindex = where.ifindex;
    attr.link_create.attach_type = where.direction == Direction::ingress ? attach_tcx_ingress : attach_tcx_egress;
    const long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr.link_create));
    if (fd < 0) {
        return kernel_error(errno, "cannot make a tcx link on " + describe(where));
    }
    return Fd(static_cast<int>(fd));
}

// The part of the union that the headers of Debian 12 lack.
struct Query {
    std::uint32_t ifindex, attach_type, query_flags, attach_flags;
    std::uint64_t prog_ids;
    std::uint32_t count, reserved;
    std::uint64_t prog_attach_flags, link_ids, link_attach_flags, revision;
};

// The programs on a hook of this network namespace, in the order in which they run.
Result<std::vector<std::uint32_t>> programs_on(HookPoint where) {
    std::vector<std::uint32_t> ids(64); // BPF_MPROG_MAX
    Query query{};
    query.ifindex = where.ifindex;
    query.attach_type = where.direction == Direction::ingress ? attach_tcx_ingress : attach_tcx_egress;
    query.prog_ids = reinterpret_cast<std::uintptr_t>(ids.data());
    query.count = static_cast<std::uint32_t>(ids.size());
    if (syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)) != 0) {
        return kernel_error(errno, "cannot read the programs on " + describe(where));
    }
    ids.resize(std::min<std::size_t>(query.count, ids.size()));
    return ids;
}

class TcxHook final : public Hook {
public:
    TcxHook(HookPoint where, Fd link, std::filesystem::path pin)
        : Hook(where), link_(std::move(link)), pin_(std::move(pin)) {}

    std::uint32_t prog_id() const override {
        const auto info = link_info(link_.get());
        return info ? info->prog_id : 0;
    }

    Result<void> update(int prog_fd) override {
        if (bpf_link_update(link_.get(), prog_fd, nullptr) != 0) {
            return kernel_error(errno, "cannot swap the program on " + describe(where()));
        }
        return {};
    }

    void detach() override {
        // Detached at once: an open descriptor elsewhere must not keep the program running.
        bpf_link_detach(link_.get());
        remove_pin(pin_);
        link_ = Fd();
    }

private:
    Fd link_;
    std::filesystem::path pin_;
};

class Tcx final : public HookKind {
public:
    std::string_view name() const override { return "tcx"; }
    std::string_view means() const override { return "links on tcx hooks"; }
    std::string_view feature() const override { return "tcx"; }

    // A link on a device that cannot exist: a kernel with tcx looks for the device, one without does not know the hook.
    Result<void> probe(int prog_fd) const override {
        const auto link = create_link(prog_fd, {INT_MAX, Direction::ingress});
        if (!link && link.error().code != ENODEV) {
            return tl::unexpected(link.error());
        }
        return {};
    }

    Result<std::unique_ptr<Hook>> attach(const HookPlace &place, int prog_fd) const override {
        std::filesystem::path path = place.pin_dir / place.name;
        XB_TRY(link, create_link(prog_fd, place.where));
        XB_TRY_VOID(pin(link->get(), path));
        return std::make_unique<TcxHook>(place.where, std::move(*link), std::move(path));
    }

    Result<std::unique_ptr<Hook>> adopt(const HookPlace &place, std::uint32_t /*table_id*/) const override {
        std::filesystem::path path = place.pin_dir / place.name;
        XB_TRY(link, open_pin(path));
        const auto info = link_info(link->get());
        if (!info && info.error().code != EINVAL) { // EINVAL: no link at all
            return tl::unexpected(info.error());
        }
        if (!info || info->type != link_type_tcx) {
            return fail(EPROTO, path.string() + " is no tcx link");
        }
        HookPoint where{info->ifindex, place.where.direction};
        if (where.ifindex != 0) { // a number of the namespace that the device is in now
            const auto here = programs_on(where);
            if (!here && here.error().code != ENODEV) {
                return tl::unexpected(here.error());
            }
            if (!here || std::ranges::find(*here, info->prog_id) == here->end()) {
                where.ifindex = 0; // moved away
            }
        }
        return std::make_unique<TcxHook>(where, std::move(*link), std::move(path));
    }
};

} // namespace

const HookKind &tcx_hook() {
    static const Tcx kind;
    return kind;
}

} // namespace xbond::loader
