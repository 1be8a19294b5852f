// SPDX-License-Identifier: MIT
#include "loader/blueprint.h"

#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>

#include "loader/bpf_calls.h"
#include "loader/xdp/applications.h"

namespace xbond::loader {
namespace {

Blueprint *in_making = nullptr; // what capture() fills; other objects of this process are none of its business

std::vector<std::byte> copy_of(const void *bytes, std::size_t size) {
    const auto *const from = static_cast<const std::byte *>(bytes);
    return {from, from + size};
}

bool names_map(const bpf_insn &insn) {
    return insn.code == (BPF_LD | BPF_IMM | BPF_DW) &&
           (insn.src_reg == BPF_PSEUDO_MAP_FD || insn.src_reg == BPF_PSEUDO_MAP_VALUE);
}

} // namespace

// libbpf calls it when a program is ready for the kernel, which then gets the least that it takes in its place.
int Blueprint::capture(bpf_program *program, bpf_prog_load_opts *options, long /*cookie*/) {
    if (in_making == nullptr) {
        return 0;
    }
    Program plan;
    plan.name = bpf_program__name(program);
    const bpf_insn *const code = bpf_program__insns(program);
    plan.code.assign(code, code + bpf_program__insn_cnt(program));
    plan.function_size = options->func_info_rec_size;
    plan.functions = copy_of(options->func_info, std::size_t{options->func_info_cnt} * plan.function_size);
    plan.line_size = options->line_info_rec_size;
    plan.lines = copy_of(options->line_info, std::size_t{options->line_info_cnt} * plan.line_size);
    in_making->programs_.push_back(std::move(plan));

    std::array<bpf_insn, 2> nothing{};
    nothing[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    nothing[1].code = BPF_JMP | BPF_EXIT;
    options->func_info_cnt = options->line_info_cnt = 0;
    return bpf_program__set_insns(program, nothing.data(), nothing.size());
}

Result<const Blueprint *> Blueprint::of(ObjectKind kind, CarrierCheck carrier) {
    static std::map<std::pair<ObjectKind, CarrierCheck>, Blueprint> made;
    const std::pair key{kind, carrier};
    if (const auto found = made.find(key); found != made.end()) {
        return &found->second;
    }
    XB_TRY(blueprint, make(kind, carrier));
    return &made.emplace(key, std::move(*blueprint)).first->second;
}

Result<Blueprint> Blueprint::make(ObjectKind kind, CarrierCheck carrier) {
    LIBBPF_OPTS(libbpf_prog_handler_opts, handler, .prog_prepare_load_fn = &Blueprint::capture);
    static const int registered =
        libbpf_register_prog_handler("tc", BPF_PROG_TYPE_SCHED_CLS, bpf_attach_type{}, &handler);
    if (registered < 0) {
        return kernel_error(registered, "cannot prepare BPF programs");
    }
    Blueprint blueprint;
    XB_TRY(object, Object::open(kind, carrier, {}));
    blueprint.name_ = bpf_object__name(object->get());
    blueprint.take_values(*object);
    if (kind == ObjectKind::xdp || kind == ObjectKind::xdp_frags || kind == ObjectKind::fwd) {
        bpf_program *program = nullptr;
        bpf_object__for_each_program(program, object->get()) { bpf_program__set_autoload(program, false); }
    }
    in_making = &blueprint;
    const int error = bpf_object__load(object->get());
    in_making = nullptr;
    if (error != 0) {
        return kernel_error(error, "cannot load BPF object " + blueprint.name_);
    }
    blueprint.types_ = Fd(fcntl(bpf_object__btf_fd(object->get()), F_DUPFD_CLOEXEC, 0));
    XB_TRY_VOID(blueprint.take_maps(*object));
    return blueprint;
}

// Before libbpf loads the object: it gives the memory back.
void Blueprint::take_values(const Object &object) {
    const bpf_map *map = nullptr;
    bpf_object__for_each_map(map, object.get()) {
        Map plan;
        plan.shared = object.shared_name(map);
        std::size_t size = 0;
        if (const void *const value = bpf_map__initial_value(const_cast<bpf_map *>(map), &size); value != nullptr) {
            plan.value = copy_of(value, size);
            const auto offset =
                reinterpret_cast<const std::byte *>(object.config()) - static_cast<const std::byte *>(value);
            plan.config_at = offset >= 0 && static_cast<std::size_t>(offset) < size ? offset : -1;
        }
        maps_.push_back(std::move(plan));
    }
}

Result<void> Blueprint::take_maps(const Object &object) {
    std::vector<int> fds;
    const bpf_map *map = nullptr;
    bpf_object__for_each_map(map, object.get()) {
        bpf_map_info &info = maps_.at(fds.size()).like;
        std::uint32_t size = sizeof(info);
        fds.push_back(bpf_map__fd(map));
        if (bpf_obj_get_info_by_fd(fds.back(), &info, &size) != 0) {
            return kernel_error(errno, std::string("cannot read map ") + bpf_map__name(map));
        }
    }
    for (Program &program : programs_) {
        for (std::size_t i = 0; i < program.code.size(); ++i) {
            if (!names_map(program.code[i])) {
                continue;
            }
            const auto used = std::ranges::find(fds, program.code[i].imm);
            if (used == fds.end()) {
                return fail(EPROTO, program.name + " of BPF object " + name_ + " uses a map that the object lacks");
            }
            program.uses.emplace_back(i, static_cast<std::size_t>(used - fds.begin()));
        }
    }
    return {};
}

Result<void> Blueprint::make_maps(Maps &maps) const {
    for (const Map &map : maps_) {
        if (!map.shared.empty() && maps.fd(map.shared) < 0) {
            XB_TRY(made, make_map(map, {}));
            maps.add(map.shared, std::move(*made));
        }
    }
    return {};
}

Result<Fd> Blueprint::make_map(const Map &map, const xb_config &config) const {
    const bpf_map_info &like = map.like;
    // The kernel puts the flag on every devmap, and takes it from nobody.
    const bool is_devmap = like.type == BPF_MAP_TYPE_DEVMAP || like.type == BPF_MAP_TYPE_DEVMAP_HASH;
    const std::uint32_t flags = is_devmap ? like.map_flags & ~BPF_F_RDONLY_PROG : like.map_flags;
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
    if (like.btf_id != 0) {
        options.btf_fd = static_cast<std::uint32_t>(types_.get());
        options.btf_key_type_id = like.btf_key_type_id;
        options.btf_value_type_id = like.btf_value_type_id;
    }
    Fd inner;
    if (like.type == BPF_MAP_TYPE_ARRAY_OF_MAPS) { // there is one: of applications' sockets
        XB_TRY(sample, make_application_sockets());
        inner = std::move(*sample);
        options.inner_map_fd = static_cast<std::uint32_t>(inner.get());
    }
    Fd fd(bpf_map_create(static_cast<bpf_map_type>(like.type), like.name, like.key_size, like.value_size,
                         like.max_entries, &options));
    if (!fd) {
        return kernel_error(errno, std::string("cannot make map ") + like.name + " of BPF object " + name_);
    }
    if (!map.value.empty()) {
        std::vector<std::byte> value = map.value;
        if (map.config_at >= 0) {
            std::memcpy(value.data() + map.config_at, &config, sizeof(config));
        }
        const std::uint32_t key = 0;
        if (bpf_map_update_elem(fd.get(), &key, value.data(), BPF_ANY) != 0) {
            return kernel_error(errno, std::string("cannot fill map ") + like.name + " of BPF object " + name_);
        }
    }
    // The verifier takes what is frozen for constants, unless programs may write it.
    const bool constant = (flags & BPF_F_RDONLY_PROG) != 0;
    if ((constant || map.shared == XB_MAP_VIEW) && bpf_map_freeze(fd.get()) != 0) {
        return kernel_error(errno, std::string("cannot freeze map ") + like.name + " of BPF object " + name_);
    }
    return fd;
}

Result<void> Blueprint::load(const xb_config &config, const Maps &maps, Programs &programs) const {
    std::vector<Fd> own;
    std::vector<int> fds;
    for (const Map &map : maps_) {
        if (!map.shared.empty()) {
            fds.push_back(maps.fd(map.shared));
            continue;
        }
        XB_TRY(made, make_map(map, config));
        own.push_back(std::move(*made));
        fds.push_back(own.back().get());
    }
    for (const Program &program : programs_) {
        XB_TRY(loaded, load_program(program, fds));
        for (const Fd &map : own) { // also where nothing of it is used: read_config() looks there
            (void)bpf_prog_bind_map(loaded->get(), map.get(), nullptr);
        }
        const auto named = std::ranges::find(Programs::all, program.name, &Programs::Named::name);
        if (named != Programs::all.end()) {
            programs.*(named->place) = std::move(*loaded);
        }
    }
    return {};
}

Result<Fd> Blueprint::load_program(const Program &program, const std::vector<int> &map_fds) const {
    std::vector<bpf_insn> code = program.code;
    for (const auto &[insn, map] : program.uses) {
        code[insn].imm = map_fds[map];
    }
    LIBBPF_OPTS(bpf_prog_load_opts, options);
    options.prog_btf_fd = static_cast<std::uint32_t>(types_.get());
    options.func_info = program.functions.data();
    options.func_info_rec_size = program.function_size;
    options.func_info_cnt = static_cast<std::uint32_t>(program.functions.size() / std::max(1U, program.function_size));
    options.line_info = program.lines.data();
    options.line_info_rec_size = program.line_size;
    options.line_info_cnt = static_cast<std::uint32_t>(program.lines.size() / std::max(1U, program.line_size));
    const auto load = [&] {
        return Fd(
            bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, program.name.c_str(), "GPL", code.data(), code.size(), &options));
    };
    Fd loaded = load();
    if (loaded) {
        return loaded;
    }
    const int code_of_error = errno;
    std::vector<char> log(1U << 20U); // only who was refused pays for the verifier's reasons
    options.log_level = 1;
    options.log_buf = log.data();
    options.log_size = static_cast<std::uint32_t>(log.size());
    loaded = load();
    if (loaded) {
        return loaded;
    }
    add_complaint(program.name + ": " + log.data());
    return kernel_error(code_of_error, "cannot load BPF object " + name_);
}

} // namespace xbond::loader
