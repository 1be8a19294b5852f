// SPDX-License-Identifier: MIT
#include "user/sys/sysctl.h"

#include <fcntl.h>

#include "common/fd.h"
#include "user/sys/io.h"

namespace xbond::sys {
namespace {

// Below /proc/sys/net and nowhere else: the path holds interface names that somebody else chose.
Result<std::string> full_path(std::string_view path) {
    const std::string bounded = "/" + std::string(path) + "/";
    if (path.empty() || bounded.find("//") != std::string::npos || bounded.find("/../") != std::string::npos ||
        bounded.find('\0') != std::string::npos) {
        return fail(EINVAL, "sysctl \"" + std::string(path) + "\": expected a path like ipv4/conf/eth0/arp_ignore");
    }
    return "/proc/sys/net/" + std::string(path);
}

} // namespace

Result<std::string> read_sysctl(std::string_view path) {
    auto text = full_path(path).and_then([](const std::string &p) { return read_file(p); });
    if (text && text->ends_with('\n')) {
        text->pop_back();
    }
    return text;
}

Result<void> write_sysctl(std::string_view path, std::string_view value) {
    XB_TRY(full, full_path(path));
    const Fd fd(::open(full->c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) {
        return fail_errno("cannot open " + *full);
    }
    if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size())) {
        return fail_errno("cannot write \"" + std::string(value) + "\" to " + *full);
    }
    return {};
}

} // namespace xbond::sys
