// SPDX-License-Identifier: MIT
#include "loader/xdp/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cstdlib>
#include <linux/if_link.h>
#include <memory>
#include <xdp/libxdp.h>

#include "loader/bpf_calls.h"

namespace xbond::loader {
namespace {

using Attached = XdpState::Attached;

const char *program_name(ObjectKind kind) { return kind == ObjectKind::fwd ? "xb_fwd" : "xb_xdp"; }

struct CloseProgram {
    void operator()(xdp_program *program) const { xdp_program__close(program); }
};
struct CloseSet {
    void operator()(xdp_multiprog *set) const { xdp_multiprog__close(set); }
};

std::string on(std::uint32_t ifindex) { return "on " + describe({ifindex, Direction::ingress}); }

struct Found {
    xdp_attach_mode mode = XDP_MODE_UNSPEC;
    std::uint32_t prog_id = 0;
    bool alone = false;
};

// What is on the device; null when nothing is.
std::unique_ptr<xdp_multiprog, CloseSet> programs_on(std::uint32_t ifindex) {
    xdp_multiprog *const set = xdp_multiprog__get_from_ifindex(static_cast<int>(ifindex));
    return std::unique_ptr<xdp_multiprog, CloseSet>(set != nullptr && libxdp_get_error(set) == 0 ? set : nullptr);
}

// The first program of ours among those on the device.
Found find_ours(std::uint32_t ifindex, const IsOurs &is_ours) {
    const auto set = programs_on(ifindex);
    if (!set) {
        return {};
    }
    const bool alone = xdp_multiprog__is_legacy(set.get());
    for (xdp_program *program = alone ? xdp_multiprog__main_prog(set.get())
                                      : xdp_multiprog__next_prog(nullptr, set.get());
         program != nullptr; program = alone ? nullptr : xdp_multiprog__next_prog(program, set.get())) {
        if (const std::uint32_t id = xdp_program__id(program); is_ours(id)) {
            return {xdp_multiprog__attach_mode(set.get()), id, alone};
        }
    }
    return {};
}

Result<Object> load(ObjectKind kind, CarrierCheck carrier, const xb_config &config, const Maps &maps) {
    XB_TRY(object, Object::open(kind, carrier, config));
    XB_TRY_VOID(object->reuse_maps(maps));
    if (const int error = bpf_object__load(object->get()); error != 0) {
        return kernel_error(error, std::string("cannot load ") + program_name(kind));
    }
    return object;
}

int program_of(const Object &object, ObjectKind kind) {
    return bpf_program__fd(bpf_object__find_program_by_name(object.get(), program_name(kind)));
}

std::uint32_t mode_flag(Attached mode) { return mode == Attached::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE; }

// Without libxdp's dispatcher, where nothing is.
Result<void> attach_alone(std::uint32_t ifindex, Attached mode, ObjectKind kind, const xb_config &config,
                          const Maps &maps, CarrierCheck carrier) {
    XB_TRY(object, load(kind, carrier, config, maps));
    const int error = bpf_xdp_attach(static_cast<int>(ifindex), program_of(*object, kind),
                                     mode_flag(mode) | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr);
    if (error != 0) {
        return kernel_error(error, std::string("cannot attach ") + program_name(kind) + " " + on(ifindex));
    }
    drop_complaints(); // of the attempt before
    return {};
}

} // namespace

void prepare_libxdp(bool freplace) {
    if (!freplace) {
        setenv("LIBXDP_SKIP_DISPATCHER", "1", 1);
    }
}

Result<void> attach_xdp(std::uint32_t ifindex, Attached mode, ObjectKind kind, const xb_config &config,
                        const Maps &maps, CarrierCheck carrier) {
    // libxdp would refuse too, without a reason.
    if (const auto set = programs_on(ifindex); set && xdp_multiprog__is_legacy(set.get())) {
        xdp_program *const there = xdp_multiprog__main_prog(set.get());
        const char *const name = there != nullptr ? xdp_program__name(there) : nullptr;
        return fail(EBUSY, "another XDP program" + (name != nullptr ? " (" + std::string(name) + ")" : std::string()) +
                               ", loaded without libxdp's dispatcher, is " + on(ifindex) +
                               " and cannot be shared with: remove it, or use xdp off");
    }
    // An object per device: a program loaded for a dispatcher cannot run alone, and the other way round.
    XB_TRY(object, Object::open(kind, carrier, config));
    XB_TRY_VOID(object->reuse_maps(maps));
    const bpf_program *const code = bpf_object__find_program_by_name(object->get(), program_name(kind));
    xdp_program *const raw = xdp_program__from_bpf_obj(object->get(), bpf_program__section_name(code));
    if (const long error = libxdp_get_error(raw); error != 0) {
        return kernel_error(static_cast<int>(error), std::string("cannot give ") + program_name(kind) + " to libxdp");
    }
    const std::unique_ptr<xdp_program, CloseProgram> program(raw);
    const int error = xdp_program__attach(raw, static_cast<int>(ifindex),
                                          mode == Attached::native ? XDP_MODE_NATIVE : XDP_MODE_SKB, 0);
    if (error == -EINVAL) {
        // Kernels since 6.13, and stable ones since, do not let it replace a function of a dispatcher that does not say
        // that it changes packets, as libxdp's before 1.5.5 does not. Where other programs are in one already this is
        // EBUSY.
        return attach_alone(ifindex, mode, kind, config, maps, carrier);
    }
    if (error != 0) {
        return kernel_error(error, std::string("cannot attach ") + program_name(kind) + " " + on(ifindex));
    }
    return {};
}

Result<void> replace_xdp(std::uint32_t ifindex, const OnDevice &before, ObjectKind kind, const xb_config &config,
                         const Maps &maps) {
    const Fd old(bpf_prog_get_fd_by_id(before.prog_id));
    LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = old.get());
    XB_TRY(object, load(kind, CarrierCheck::none, config, maps));
    const int error = bpf_xdp_attach(static_cast<int>(ifindex), program_of(*object, kind),
                                     mode_flag(before.attached) | XDP_FLAGS_REPLACE, &options);
    if (error != 0) {
        return kernel_error(error, "cannot replace xb_xdp " + on(ifindex));
    }
    return {};
}

OnDevice find_xdp(std::uint32_t ifindex, const IsOurs &is_ours) {
    const Found found = find_ours(ifindex, is_ours);
    switch (found.mode) {
    case XDP_MODE_NATIVE:
    case XDP_MODE_HW:
        return {Attached::native, found.prog_id, found.alone};
    case XDP_MODE_SKB:
        return {Attached::generic, found.prog_id, found.alone};
    case XDP_MODE_UNSPEC:
        break;
    }
    return {};
}

Result<void> detach_xdp(std::uint32_t ifindex, const IsOurs &is_ours) {
    const Found found = find_ours(ifindex, is_ours);
    if (found.prog_id == 0) {
        return {};
    }
    xdp_program *const raw = xdp_program__from_id(found.prog_id);
    if (const long error = libxdp_get_error(raw); error != 0) {
        return kernel_error(static_cast<int>(error), "cannot open the XDP program " + on(ifindex));
    }
    const std::unique_ptr<xdp_program, CloseProgram> program(raw);
    const int error = xdp_program__detach(raw, static_cast<int>(ifindex), found.mode, 0);
    if (error != 0) {
        return kernel_error(error, "cannot detach xb_xdp " + on(ifindex));
    }
    return {};
}

} // namespace xbond::loader
