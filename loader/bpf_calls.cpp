// SPDX-License-Identifier: MIT
#include "loader/bpf_calls.h"

#include <algorithm>
#include <array>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <linux/bpf.h>
#include <net/if.h>
#include <xdp/libxdp.h>

namespace xbond::loader {
namespace {

// Enough for the end of a verifier log, where the reason stands.
constexpr std::size_t log_limit = 2000;

std::string &library_log() {
    thread_local std::string text; // the libraries print in the thread that calls them
    return text;
}

void remember(const char *format, std::va_list args) {
    std::va_list copy;
    va_copy(copy, args);
    std::string text(static_cast<std::size_t>(std::max(0, std::vsnprintf(nullptr, 0, format, copy))), '\0');
    va_end(copy);
    std::vsnprintf(text.data(), text.size() + 1, format, args);
    add_complaint(text);
}

std::string kind_of(int fd) { // "anon_inode:bpf-map", ...
    std::array<char, 64> target{};
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    return readlink(path.c_str(), target.data(), target.size() - 1) < 0 ? "" : target.data();
}

int libbpf_print(enum libbpf_print_level level, const char *format, std::va_list args) {
    if (level == LIBBPF_WARN) {
        remember(format, args);
    }
    return 0;
}

int libxdp_print(enum libxdp_print_level level, const char *format, std::va_list args) {
    if (level == LIBXDP_WARN) {
        remember(format, args);
    }
    return 0;
}

} // namespace

void add_complaint(std::string_view text) {
    std::string &log = library_log();
    log += text;
    if (log.size() > log_limit) {
        log.erase(0, log.size() - log_limit);
    }
}

void drop_complaints() { library_log().clear(); }

void capture_library_log() {
    libbpf_set_print(libbpf_print);
    libxdp_set_print(libxdp_print);
}

tl::unexpected<Error> kernel_error(int code, std::string_view what) {
    code = std::abs(code);
    std::string message = std::string(what) + ": " + std::strerror(code);
    std::string &log = library_log();
    while (!log.empty() && log.back() == '\n') {
        log.pop_back();
    }
    if (!log.empty()) {
        message += "; " + log;
    }
    log.clear();
    return fail(code, std::move(message));
}

std::string describe(HookPoint where) {
    const int code = errno; // the caller is about to report it
    std::array<char, IF_NAMESIZE> name{};
    std::string text = where.direction == Direction::ingress ? "ingress of " : "egress of ";
    if (if_indextoname(where.ifindex, name.data()) != nullptr) {
        text += std::string(name.data()) + " ";
    }
    errno = code;
    return text + "(ifindex " + std::to_string(where.ifindex) + ")";
}

Result<LinkInfo> link_info(int link_fd) {
    // The kernel would answer for a program, too, in the layout of programs.
    if (const std::string what = kind_of(link_fd); !what.starts_with("anon_inode:bpf") || !what.ends_with("link")) {
        return fail(EINVAL, "no BPF link: " + what);
    }
    struct bpf_link_info info {};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(link_fd, &info, &size) != 0) {
        return kernel_error(errno, "cannot read a BPF link");
    }
    // The tcx part of the union starts with the ifindex, as xdp's does.
    return LinkInfo{info.type, info.prog_id, info.xdp.ifindex};
}

Result<ProgramInfo> program_info(int prog_fd) {
    if (const std::string what = kind_of(prog_fd); !what.starts_with("anon_inode:bpf-prog")) {
        return fail(EINVAL, "no BPF program: " + what);
    }
    struct bpf_prog_info info {};
    std::array<std::uint32_t, 64> ids{};
    info.nr_map_ids = ids.size();
    info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(prog_fd, &info, &size) != 0) {
        return kernel_error(errno, "cannot read a BPF program");
    }
    ProgramInfo result;
    result.id = info.id;
    result.type = info.type;
    std::memcpy(&result.tag, info.tag, sizeof(result.tag));
    result.name.assign(info.name, strnlen(info.name, sizeof(info.name)));
    result.map_ids.assign(ids.begin(), ids.begin() + std::min<std::size_t>(info.nr_map_ids, ids.size()));
    return result;
}

Result<ProgramInfo> program_info_by_id(std::uint32_t prog_id) {
    const Fd fd(bpf_prog_get_fd_by_id(prog_id));
    if (!fd) {
        return kernel_error(errno, "cannot open BPF program " + std::to_string(prog_id));
    }
    return program_info(fd.get());
}

std::uint32_t map_id(int map_fd) {
    if (kind_of(map_fd) != "anon_inode:bpf-map") {
        return 0;
    }
    struct bpf_map_info info {};
    std::uint32_t size = sizeof(info);
    return bpf_obj_get_info_by_fd(map_fd, &info, &size) == 0 ? info.id : 0;
}

Result<std::uint32_t> run_once(int prog_fd, std::uint32_t ifindex, std::uint32_t mark) {
    const std::array<std::uint8_t, 64> frame{};
    struct __sk_buff context {};
    context.ifindex = ifindex;
    context.mark = mark;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(), .data_size_in = frame.size(), .ctx_in = &context,
                .ctx_size_in = sizeof(context), .repeat = 1);
    int error = 0;
    for (int attempt = 0; attempt < 3; ++attempt) { // a signal, of a debugger for one, ends a run before it begins
        error = bpf_prog_test_run_opts(prog_fd, &options);
        if (error != -EINTR) {
            break;
        }
    }
    if (error != 0) {
        return kernel_error(errno, "cannot run a BPF program for ifindex " + std::to_string(ifindex));
    }
    return options.retval;
}

} // namespace xbond::loader
