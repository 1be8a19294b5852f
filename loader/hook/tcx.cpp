// SPDX-License-Identifier: MIT
// Links on tcx hooks (Linux 6.6): each is pinned under its place's name.
#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <climits>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "loader/hook/hook.h"
#include "loader/pins.h"
#include "xbond/abi.h"

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

struct Attached {
    std::uint32_t prog_id = 0;
    std::uint32_t link_id = 0; // 0: attached without a link
};

Query query_of(HookPoint where) {
    Query query{};
    query.ifindex = where.ifindex;
    query.attach_type = where.direction == Direction::ingress ? attach_tcx_ingress : attach_tcx_egress;
    return query;
}

Result<void> ask(Query &query, HookPoint where) {
    if (syscall(SYS_bpf, BPF_PROG_QUERY, &query, sizeof(query)) != 0) {
        return kernel_error(errno, "cannot read the programs on " + describe(where));
    }
    return {};
}

// Changes whenever what is on the hook does.
Result<std::uint64_t> revision_of(HookPoint where) {
    Query query = query_of(where);
    return ask(query, where).map([&] { return query.revision; });
}

// What is on a hook of this network namespace, in the order in which it runs.
Result<std::vector<Attached>> attached_on(HookPoint where) {
    std::array<std::uint32_t, 64> ids{}, links{}; // BPF_MPROG_MAX
    Query query = query_of(where);
    query.prog_ids = reinterpret_cast<std::uintptr_t>(ids.data());
    query.link_ids = reinterpret_cast<std::uintptr_t>(links.data());
    query.count = static_cast<std::uint32_t>(ids.size());
    XB_TRY_VOID(ask(query, where));
    std::vector<Attached> found;
    for (std::size_t i = 0; i < std::min<std::size_t>(query.count, ids.size()); ++i) {
        found.push_back({ids.at(i), links.at(i)});
    }
    return found;
}

std::string text_of(std::uint32_t prog_id) {
    const auto program = program_info_by_id(prog_id);
    return (program && !program->name.empty() ? program->name + ", " : "") + "BPF program " + std::to_string(prog_id);
}

// By the names of its programs, and of the table that they use.
bool is_of_xbond(std::uint32_t prog_id) {
    const auto program = program_info_by_id(prog_id);
    if (!program || (program->name != "xb_tx" && program->name != "xb_rx")) {
        return false;
    }
    return std::ranges::any_of(program->map_ids, [](std::uint32_t id) {
        const Fd map(bpf_map_get_fd_by_id(id));
        struct bpf_map_info info {};
        std::uint32_t size = sizeof(info);
        return map && bpf_obj_get_info_by_fd(map.get(), &info, &size) == 0 &&
               std::string_view(info.name).ends_with(XB_MAP_TABLE); // ".data.xb_table"
    });
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

    // By `bpftool link detach`, say.
    Result<bool> mend(int prog_fd) override {
        XB_TRY(now, revision_of(where()));
        if (*now == seen_) {
            return false;
        }
        XB_TRY(here, attached_on(where()));
        if (std::ranges::find(*here, prog_id(), &Attached::prog_id) != here->end()) {
            return false; // covers() looks at what has changed
        }
        return attach_anew(prog_fd).map([] { return true; });
    }

    // Not where the bond's device sends: there `visibility` lets others see what ours would take away.
    Result<std::string> covers() override {
        if (where().direction == Direction::egress) {
            return std::string();
        }
        XB_TRY(now, revision_of(where()));
        if (*now == seen_) {
            return std::string();
        }
        XB_TRY(here, attached_on(where()));
        const auto own = std::ranges::find(*here, prog_id(), &Attached::prog_id);
        if (own != here->end() && own + 1 != here->end()) {
            return text_of((own + 1)->prog_id);
        }
        seen_ = *now; // if it has changed since: the next time
        return std::string();
    }

    // The new link stands behind the old one before that goes: no packet meets the hook without a program.
    Result<void> update_last(int prog_fd) override {
        XB_TRY(before, covers());
        if (before->empty()) {
            return update(prog_fd);
        }
        const Fd old = std::exchange(link_, Fd());
        auto attached = attach_anew(prog_fd);
        if (attached) {
            bpf_link_detach(old.get());
        } else {
            link_ = Fd(fcntl(old.get(), F_DUPFD_CLOEXEC, 0));
        }
        return attached;
    }

    void pins_moved(const std::filesystem::path &pin_dir) override { pin_ = pin_dir / pin_.filename(); }

    void end_rivals() override {
        const auto own = prog_id();
        const auto here = attached_on(where());
        if (!here || own == 0) {
            return;
        }
        for (const Attached &other : *here) {
            if (other.prog_id != own && other.link_id != 0 && is_of_xbond(other.prog_id)) {
                const Fd link(bpf_link_get_fd_by_id(other.link_id));
                bpf_link_detach(link.get());
            }
        }
    }

    void detach() override {
        // Detached at once: an open descriptor elsewhere must not keep the program running.
        bpf_link_detach(link_.get());
        remove_pin(pin_);
        link_ = Fd();
    }

private:
    Result<void> attach_anew(int prog_fd) {
        XB_TRY(link, create_link(prog_fd, where()));
        XB_TRY_VOID(replace_pin(link->get(), pin_));
        link_ = std::move(*link);
        return {};
    }

    Fd link_;
    std::filesystem::path pin_;
    std::uint64_t seen_ = 0; // the revision with which ours was there, and the last
};

class Tcx final : public HookKind {
public:
    std::string_view name() const override { return "tcx"; }
    std::string_view means() const override { return "links on tcx hooks"; }
    std::string_view feature() const override { return "tcx"; }
    Ms look_pause() const override { return Ms(2000); }

    // A link on a device that cannot exist: a kernel with tcx looks for the device, one without does not know the hook.
    Result<void> try_out(int prog_fd) const override {
        const auto link = create_link(prog_fd, {INT_MAX, Direction::ingress});
        if (!link && link.error().code != ENODEV) {
            return tl::unexpected(link.error());
        }
        return {};
    }

    std::vector<std::string> behind_ours(HookPoint where) const override {
        const auto here = attached_on(where);
        drop_complaints(); // a kernel without tcx
        std::vector<std::string> names;
        if (!here || here->size() < 2) {
            return names;
        }
        bool behind = false;
        for (const Attached &program : *here) {
            if (is_of_xbond(program.prog_id)) {
                behind = true;
            } else if (behind) {
                const auto info = program_info_by_id(program.prog_id);
                names.push_back(info && !info->name.empty() ? info->name : std::to_string(program.prog_id));
            }
        }
        drop_complaints();
        return names;
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
            const auto here = attached_on(where);
            if (!here && here.error().code != ENODEV) {
                return tl::unexpected(here.error());
            }
            if (!here || std::ranges::find(*here, info->prog_id, &Attached::prog_id) == here->end()) {
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
