// SPDX-License-Identifier: MIT
#include "tests/harness/trouble/rtnl_holder.h"

#include <cstring>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/userfaultfd.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace xbond::harness {
namespace {

constexpr std::size_t page = 4096;

void check(bool done, const char *what) {
    if (!done) {
        throw std::system_error(errno, std::generic_category(), what);
    }
}

uffdio_range late_page(void *pages) { return {reinterpret_cast<std::uintptr_t>(pages) + page, page}; }

// The kernel reads the command, takes RTNL, and then reads the rest, which lies on the page that is late.
void ask_driver(ethtool_gstrings *request) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq ifr{};
    std::strcpy(ifr.ifr_name, "lo");
    ifr.ifr_data = reinterpret_cast<char *>(request);
    ::ioctl(socket.get(), SIOCETHTOOL, &ifr);
}

} // namespace

RtnlHolder::RtnlHolder()
    : faults_(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC))),
      pages_(::mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    check(faults_ && pages_ != MAP_FAILED, "userfaultfd");
    uffdio_api api{UFFD_API, 0, 0};
    check(::ioctl(faults_.get(), UFFDIO_API, &api) == 0, "UFFDIO_API");
    uffdio_register late{late_page(pages_), UFFDIO_REGISTER_MODE_MISSING, 0};
    check(::ioctl(faults_.get(), UFFDIO_REGISTER, &late) == 0, "UFFDIO_REGISTER");
    auto *request = reinterpret_cast<ethtool_gstrings *>(static_cast<char *>(pages_) + page - sizeof(std::uint32_t));
    const std::uint32_t command = ETHTOOL_GSTRINGS;
    std::memcpy(request, &command, sizeof command);
    asking_ = std::thread([request] { ask_driver(request); });
    uffd_msg fault{};
    check(::read(faults_.get(), &fault, sizeof fault) == sizeof fault, "userfaultfd"); // now the kernel waits
    since_ = std::chrono::steady_clock::now();
}

RtnlHolder::~RtnlHolder() {
    uffdio_zeropage come{late_page(pages_), 0, 0};
    ::ioctl(faults_.get(), UFFDIO_ZEROPAGE, &come);
    asking_.join();
    ::munmap(pages_, 2 * page);
}

std::chrono::milliseconds RtnlHolder::held() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since_);
}

} // namespace xbond::harness
