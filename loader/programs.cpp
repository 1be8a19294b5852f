// SPDX-License-Identifier: MIT
#include "loader/programs.h"

#include <algorithm>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "loader/blueprint.h"
#include "loader/bpf_calls.h"
#include "loader/pins.h"
#include "loader/xdp/array.h"
#include "xb_fwd_kfunc.skel.h"
#include "xb_fwd_none.skel.h"
#include "xb_fwd_probe.skel.h"
#include "xb_port_kfunc.skel.h"
#include "xb_port_none.skel.h"
#include "xb_port_probe.skel.h"
#include "xb_rx.skel.h"
#include "xb_tx_kfunc.skel.h"
#include "xb_tx_none.skel.h"
#include "xb_tx_probe.skel.h"
#include "xb_view_kfunc.skel.h"
#include "xb_view_none.skel.h"
#include "xb_view_probe.skel.h"
#include "xb_watch_kfunc.skel.h"
#include "xb_watch_probe.skel.h"
#include "xb_xdp.skel.h"
#include "xb_xdp_frags.skel.h"

namespace xbond::loader {
namespace {

std::size_t index_of(std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(Maps::names, name) - Maps::names.begin());
}

// Inside an object the map of a global variable has the name of its section; a pin may not have a dot.
constexpr std::string_view section_prefix = ".data.";

// Offset of `xb_cfg` in a .rodata map, by the map's BTF.
Result<std::uint32_t> config_offset(const bpf_map_info &info) {
    const std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_from_kernel_by_id(info.btf_id), btf__free);
    const btf_type *const section = types ? btf__type_by_id(types.get(), info.btf_value_type_id) : nullptr;
    if (section == nullptr || !btf_is_datasec(section)) {
        return fail(EPROTO, "a program's read-only data has no type information");
    }
    const btf_var_secinfo *const variables = btf_var_secinfos(section);
    for (unsigned i = 0; i < btf_vlen(section); ++i) {
        const btf_type *const variable = btf__type_by_id(types.get(), variables[i].type);
        if (std::string_view(btf__name_by_offset(types.get(), variable->name_off)) == "xb_cfg" &&
            variables[i].size == sizeof(xb_config) && variables[i].offset + sizeof(xb_config) <= info.value_size) {
            return variables[i].offset;
        }
    }
    return fail(EPROTO, "a program's read-only data has no xb_cfg of this layout");
}

} // namespace

int Maps::fd(std::string_view name) const {
    const std::size_t i = index_of(name);
    return i < fds_.size() ? fds_[i].get() : -1;
}

void Maps::add(std::string_view name, Fd fd) { fds_.at(index_of(name)) = std::move(fd); }

Result<void> Maps::pin_all(const std::filesystem::path &dir) const {
    for (std::size_t i = 0; i < names.size(); ++i) {
        std::error_code ignored;
        if (fds_[i] && !std::filesystem::exists(dir / names[i], ignored)) {
            XB_TRY_VOID(pin(fds_[i].get(), dir / names[i]));
        }
    }
    return {};
}

Result<Maps> Maps::open_pins(const std::filesystem::path &dir) {
    Maps maps;
    for (const std::string_view name : names) {
        auto fd = open_pin(dir / name);
        if (fd) {
            maps.add(name, std::move(*fd));
        } else if (fd.error().code != ENOENT || index_of(name) < index_of(XB_MAP_WATCH)) {
            return tl::unexpected(fd.error());
        }
    }
    return maps;
}

template <typename Skeleton> Result<Object> Object::open_skeleton(const xb_config &config) {
    Skeleton *const skeleton = Skeleton::open();
    if (skeleton == nullptr) {
        return kernel_error(errno, "cannot open a BPF object");
    }
    Object object;
    object.skeleton_ = std::shared_ptr<void>(skeleton, [](void *p) { Skeleton::destroy(static_cast<Skeleton *>(p)); });
    object.object_ = skeleton->obj;
    load_as(object.object_, as_nothing);
    if constexpr (requires { skeleton->rodata->xb_cfg; }) {
        auto *const place = const_cast<xb_config *>(&skeleton->rodata->xb_cfg);
        std::memcpy(place, &config, sizeof(config));
        object.config_ = place;
    }
    return object;
}

Result<Object> Object::open(ObjectKind kind, CarrierCheck carrier, const xb_config &config) {
    const bool kfunc = carrier == CarrierCheck::kfunc;
    const bool probe = carrier == CarrierCheck::probe_read;
    switch (kind) {
    case ObjectKind::tx:
        return kfunc   ? open_skeleton<xb_tx_kfunc>(config)
               : probe ? open_skeleton<xb_tx_probe>(config)
                       : open_skeleton<xb_tx_none>(config);
    case ObjectKind::watch:
        if (!kfunc && !probe) {
            return fail(EOPNOTSUPP, "this kernel offers no carrier check, so there is no carrier watch");
        }
        return kfunc ? open_skeleton<xb_watch_kfunc>(config) : open_skeleton<xb_watch_probe>(config);
    case ObjectKind::view:
        return kfunc   ? open_skeleton<xb_view_kfunc>(config)
               : probe ? open_skeleton<xb_view_probe>(config)
                       : open_skeleton<xb_view_none>(config);
    case ObjectKind::port:
        return kfunc   ? open_skeleton<xb_port_kfunc>(config)
               : probe ? open_skeleton<xb_port_probe>(config)
                       : open_skeleton<xb_port_none>(config);
    case ObjectKind::fwd:
        return kfunc   ? open_skeleton<xb_fwd_kfunc>(config)
               : probe ? open_skeleton<xb_fwd_probe>(config)
                       : open_skeleton<xb_fwd_none>(config);
    case ObjectKind::rx:
        return open_skeleton<xb_rx>(config);
    case ObjectKind::xdp:
        return open_skeleton<xb_xdp>(config);
    case ObjectKind::xdp_frags:
        return open_skeleton<xb_xdp_frags>(config);
    }
    return fail(EINVAL, "no such BPF object");
}

std::string Object::shared_name(const bpf_map *map) {
    std::string_view name = bpf_map__name(map);
    if (name.starts_with(section_prefix)) {
        name.remove_prefix(section_prefix.size());
    }
    return index_of(name) < Maps::names.size() ? std::string(name) : std::string();
}

Result<void> Object::reuse_maps(const Maps &maps) {
    bpf_map *map = nullptr;
    bpf_object__for_each_map(map, object_) {
        const int fd = maps.fd(shared_name(map));
        if (fd < 0) {
            continue;
        }
        if (const int error = bpf_map__reuse_fd(map, fd); error != 0) {
            return kernel_error(error, std::string("cannot share map ") + bpf_map__name(map));
        }
        if (bpf_map__type(map) == BPF_MAP_TYPE_PROG_ARRAY) {
            XB_TRY(type, attach_type_of(fd, shared_name(map) == XB_MAP_CHAIN_FRAGS));
            load_as(object_, *type);
        }
    }
    return {};
}

xb_config make_config(const DataPath::Config &config, const ProgramSet &programs) {
    xb_config result{};
    result.bond_ifindex = config.bond_ifindex;
    result.peer_ifindex = config.peer_ifindex;
    result.mode = static_cast<std::uint32_t>(programs.mode);
    result.policy = static_cast<std::uint32_t>(programs.policy);
    result.packets_per_slave = programs.packets_per_slave;
    result.tlb_dynamic_lb = programs.tlb_dynamic_lb ? 1 : 0;
    return result;
}

const std::array<Programs::Named, 7> Programs::all{{{"xb_tx", &Programs::tx},
                                                    {"xb_rx", &Programs::rx},
                                                    {"xb_learn", &Programs::learn},
                                                    {"xb_look", &Programs::look},
                                                    {"xb_watch_arm", &Programs::watch_arm},
                                                    {"xb_view_run", &Programs::view},
                                                    {"xb_port", &Programs::port}}};

namespace {

std::uint64_t fnv1a(std::uint64_t hash, std::string_view bytes) {
    for (const char byte : bytes) {
        hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    }
    return hash;
}

template <typename... Skeleton> std::uint64_t hash_of() {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto add = [&](const void *(*elf_bytes)(std::size_t *)) {
        std::size_t size = 0;
        const void *bytes = elf_bytes(&size);
        hash = fnv1a(hash, {static_cast<const char *>(bytes), size});
    };
    (add(&Skeleton::elf_bytes), ...);
    return hash;
}

} // namespace

std::string build_mark(const Programs &running) {
    static const std::uint64_t objects =
        hash_of<xb_port_kfunc, xb_port_none, xb_port_probe, xb_rx, xb_tx_kfunc, xb_tx_none, xb_tx_probe, xb_view_kfunc,
                xb_view_none, xb_view_probe, xb_watch_kfunc, xb_watch_probe>();
    std::uint64_t hash = objects;
    for (const auto &[name, place] : Programs::all) {
        if (place == &Programs::view || place == &Programs::port) { // come and go
            continue;
        }
        const auto info = running.*place ? program_info((running.*place).get()) : fail(ENOENT, "no such program");
        const std::uint64_t tag = info ? info->tag : 0;
        hash = fnv1a(hash, {reinterpret_cast<const char *>(&tag), sizeof(tag)});
    }
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
    return std::string(build_prefix) + digits.data();
}

Result<void> make_maps(std::span<const ObjectKind> kinds, CarrierCheck carrier, Maps &maps) {
    for (const ObjectKind kind : kinds) {
        XB_TRY(blueprint, Blueprint::of(kind, carrier));
        XB_TRY_VOID((*blueprint)->make_maps(maps));
    }
    return {};
}

Result<Programs> load_programs(std::span<const ObjectKind> kinds, const xb_config &config, CarrierCheck carrier,
                               const Maps &maps) {
    Programs programs;
    for (const ObjectKind kind : kinds) {
        XB_TRY(blueprint, Blueprint::of(kind, carrier));
        XB_TRY_VOID((*blueprint)->load(config, maps, programs));
    }
    return programs;
}

namespace {

Result<void> arm_timer(int prog_fd, std::uint32_t ifindex, Ms interval, std::string_view whose) {
    const auto in_us = static_cast<std::uint32_t>(std::chrono::microseconds(interval).count());
    for (Ms pause(1);; pause *= 2) {
        XB_TRY(refusal, run_once(prog_fd, ifindex, in_us));
        if (*refusal == 0) {
            return {};
        }
        if (*refusal != ENOMEM || pause > Ms(32)) {
            return kernel_error(static_cast<int>(*refusal), "the kernel refuses the timer of " + std::string(whose));
        }
        std::this_thread::sleep_for(pause);
    }
}

} // namespace

Result<void> arm_watch(int prog_fd, std::uint32_t bond, Ms interval) {
    return arm_timer(prog_fd, bond, interval, "the carrier watch");
}

Result<void> arm_view(int prog_fd, std::uint32_t bond, Ms interval) {
    return arm_timer(prog_fd, bond, interval, "what applications see");
}

Result<xb_config> read_config(int prog_fd) {
    XB_TRY(program, program_info(prog_fd));
    for (const std::uint32_t id : program->map_ids) {
        const Fd map(bpf_map_get_fd_by_id(id));
        bpf_map_info info{};
        std::uint32_t size = sizeof(info);
        if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &size) != 0) {
            return kernel_error(errno, "cannot read a program's map");
        }
        if (std::string_view(info.name).find(".rodata") == std::string_view::npos) {
            continue;
        }
        XB_TRY(offset, config_offset(info));
        std::vector<std::byte> value(info.value_size);
        const std::uint32_t key = 0;
        if (bpf_map_lookup_elem(map.get(), &key, value.data()) != 0) {
            return kernel_error(errno, "cannot read a program's read-only data");
        }
        xb_config config{};
        std::memcpy(&config, value.data() + *offset, sizeof(config));
        return config;
    }
    return fail(EPROTO, "a program has no read-only data");
}

} // namespace xbond::loader
