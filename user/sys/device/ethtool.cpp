// SPDX-License-Identifier: MIT
#include "user/sys/device/ethtool.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <optional>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "user/sys/device/name.h"
#include "user/sys/io.h"

namespace xbond::sys {
namespace {

constexpr std::size_t max_address_bytes = 32;                                  // MAX_ADDR_LEN
constexpr std::size_t max_mask_words = 3 * static_cast<std::size_t>(INT8_MAX); // three masks of at most 127 words

constexpr int most_renames = 32; // while one question is asked

// What the kernel answers to an ioctl that takes a name is of `ifindex` if that had the name before and has it after.
// False with errno set.
bool device_ioctl(int fd, std::uint32_t ifindex, unsigned long what, ifreq &request, void *data = nullptr) {
    std::string name = name_now(ifindex);
    for (int attempt = 0; !name.empty(); ++attempt) {
        request = {};
        std::ranges::copy(name, request.ifr_name);
        if (data != nullptr) {
            request.ifr_data = static_cast<char *>(data);
        }
        const bool done = ::ioctl(fd, what, &request) == 0;
        const int code = errno;
        std::string after = name_now(ifindex);
        const bool lost = !done && code == ENODEV; // or it was called otherwise when the kernel looked
        if ((after == name && !lost) || attempt == most_renames) {
            errno = code;
            return done;
        }
        name = std::move(after);
    }
    errno = ENODEV;
    return false;
}

// False with errno set.
template <typename Command> bool ask(int fd, std::uint32_t ifindex, Command &command) {
    ifreq request;
    return device_ioctl(fd, ifindex, SIOCETHTOOL, request, &command);
}

SpeedDuplex known(std::uint32_t speed, std::uint8_t duplex) {
    const SpeedDuplex unknown;
    return {speed == 0 ? unknown.speed : speed,
            duplex == DUPLEX_HALF || duplex == DUPLEX_FULL ? duplex : unknown.duplex};
}

// What ends in an array without a size: a header and its elements, in words that are aligned for all of them.
template <typename Header, typename Element> class Sized {
public:
    explicit Sized(std::size_t elements)
        : space_((sizeof(Header) + elements * sizeof(Element) + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t)) {}
    Header &header() { return *reinterpret_cast<Header *>(space_.data()); }
    Element *elements() {
        return reinterpret_cast<Element *>(reinterpret_cast<char *>(space_.data()) + sizeof(Header));
    }
    bool ask_of(int fd, std::uint32_t ifindex) {
        ifreq request;
        return device_ioctl(fd, ifindex, SIOCETHTOOL, request, space_.data());
    }

private:
    std::vector<std::uint64_t> space_;
};

std::size_t words_for(std::size_t bits) { return (bits + 31) / 32; }

std::string about(std::uint32_t ifindex, std::string_view what) {
    const auto name = name_now(ifindex);
    return "interface " + (name.empty() ? std::to_string(ifindex) : '"' + name + '"') + ": " + std::string(what);
}

tl::unexpected<Error> failed(std::uint32_t ifindex, std::string_view what, int code = errno) {
    return fail_errno(about(ifindex, what), code);
}

} // namespace

Result<Ethtool> Ethtool::open() {
    Ethtool e;
    e.fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)); // any socket carries device ioctls
    if (!e.fd_) {
        return fail_errno("cannot open a socket for ethtool");
    }
    return e;
}

Result<bool> Ethtool::running(std::uint32_t ifindex) const {
    ifreq request;
    if (!device_ioctl(fd_.get(), ifindex, SIOCGIFFLAGS, request)) {
        return failed(ifindex, "cannot read the flags");
    }
    return (request.ifr_flags & IFF_UP) != 0;
}

Result<bool> Ethtool::carrier(std::uint32_t ifindex) const {
    ethtool_value value{};
    value.cmd = ETHTOOL_GLINK;
    if (ask(fd_.get(), ifindex, value)) {
        return value.data != 0;
    }
    if (errno != EOPNOTSUPP) {
        return failed(ifindex, "cannot read the carrier");
    }
    // A driver without the operation (dummy): the operational state, late by up to a second, is all there is.
    ifreq request;
    if (!device_ioctl(fd_.get(), ifindex, SIOCGIFFLAGS, request)) {
        return failed(ifindex, "cannot read the flags");
    }
    return (request.ifr_flags & IFF_RUNNING) != 0;
}

SpeedDuplex Ethtool::speed(std::uint32_t ifindex) const {
    union { // the structure ends in an array without a size
        ethtool_link_settings settings;
        std::array<std::uint32_t, sizeof(ethtool_link_settings) / sizeof(std::uint32_t) + max_mask_words> space;
    } link{};
    link.settings.cmd = ETHTOOL_GLINKSETTINGS;
    // The first call asks for the size of the masks, answered as a negative number.
    if (ask(fd_.get(), ifindex, link) && link.settings.link_mode_masks_nwords < 0) {
        link.settings.link_mode_masks_nwords = static_cast<std::int8_t>(-link.settings.link_mode_masks_nwords);
        link.settings.cmd = ETHTOOL_GLINKSETTINGS;
        if (ask(fd_.get(), ifindex, link)) {
            return known(link.settings.speed, link.settings.duplex);
        }
    }
    ethtool_cmd old{};
    old.cmd = ETHTOOL_GSET;
    return ask(fd_.get(), ifindex, old) ? known(ethtool_cmd_speed(&old), old.duplex) : SpeedDuplex{};
}

Result<MacAddr> Ethtool::permanent_mac(std::uint32_t ifindex) const {
    struct {
        std::uint32_t cmd, size; // ethtool_perm_addr, whose array has no size
        std::array<std::uint8_t, max_address_bytes> data;
    } perm{ETHTOOL_GPERMADDR, max_address_bytes, {}};
    static_assert(offsetof(decltype(perm), data) == sizeof(ethtool_perm_addr));
    if (!ask(fd_.get(), ifindex, perm)) {
        return failed(ifindex, "cannot read the permanent address");
    }
    MacAddr mac;
    std::copy_n(perm.data.begin(), mac.bytes.size(), mac.bytes.begin());
    if (perm.size != mac.bytes.size() || mac.is_zero()) {
        return failed(ifindex, "no permanent Ethernet address", ENODATA);
    }
    return mac;
}

Result<void> Ethtool::set_gro(std::uint32_t ifindex, bool on) const {
    ethtool_value value{ETHTOOL_SGRO, on ? 1U : 0U};
    if (!ask(fd_.get(), ifindex, value)) {
        return failed(ifindex, "cannot switch GRO");
    }
    return {};
}

namespace {

ethtool_drvinfo driver_info(int fd, std::uint32_t ifindex) {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    return ask(fd, ifindex, info) ? info : ethtool_drvinfo{};
}

} // namespace

std::string Ethtool::driver(std::uint32_t ifindex) const {
    const auto info = driver_info(fd_.get(), ifindex);
    return {info.driver, ::strnlen(info.driver, sizeof info.driver)};
}

Result<std::size_t> Ethtool::offload_bit(std::uint32_t ifindex, std::string_view name) const {
    if (offload_names_.empty()) {
        Sized<ethtool_sset_info, std::uint32_t> info(1);
        info.header().cmd = ETHTOOL_GSSET_INFO;
        info.header().sset_mask = 1ULL << ETH_SS_FEATURES;
        if (!info.ask_of(fd_.get(), ifindex)) {
            return failed(ifindex, "cannot count the offloads");
        }
        const std::size_t count = info.elements()[0];
        Sized<ethtool_gstrings, std::array<char, ETH_GSTRING_LEN>> strings(count);
        strings.header().cmd = ETHTOOL_GSTRINGS;
        strings.header().string_set = ETH_SS_FEATURES;
        strings.header().len = static_cast<std::uint32_t>(count);
        if (!strings.ask_of(fd_.get(), ifindex)) {
            return failed(ifindex, "cannot list the offloads");
        }
        for (std::size_t bit = 0; bit < count; ++bit) {
            const auto &text = strings.elements()[bit];
            offload_names_.emplace_back(text.data(), ::strnlen(text.data(), text.size()));
        }
    }
    const auto found = std::ranges::find(offload_names_, name);
    if (found == offload_names_.end()) {
        return fail(ENOENT, about(ifindex, "this kernel knows no offload " + std::string(name)));
    }
    return static_cast<std::size_t>(found - offload_names_.begin());
}

Result<std::vector<Offload>> Ethtool::offloads(std::uint32_t ifindex, std::span<const std::string_view> names) const {
    std::vector<std::optional<std::size_t>> bits;
    for (const auto name : names) {
        const auto bit = offload_bit(ifindex, name);
        if (!bit && bit.error().code != ENOENT) {
            return tl::unexpected(bit.error());
        }
        bits.push_back(bit ? std::optional(*bit) : std::nullopt);
    }
    const std::size_t words = words_for(offload_names_.size());
    Sized<ethtool_gfeatures, ethtool_get_features_block> all(words);
    all.header().cmd = ETHTOOL_GFEATURES;
    all.header().size = static_cast<std::uint32_t>(words);
    if (!all.ask_of(fd_.get(), ifindex)) {
        return failed(ifindex, "cannot read the offloads");
    }
    std::vector<Offload> found;
    for (const auto &bit : bits) {
        auto &offload = found.emplace_back();
        if (bit) {
            const auto &block = all.elements()[*bit / 32];
            const std::uint32_t mask = 1U << (*bit % 32);
            offload.on = (block.active & mask) != 0;
            offload.changeable = (block.available & mask) != 0 && (block.never_changed & mask) == 0;
        }
    }
    return found;
}

Result<void> Ethtool::set_offload(std::uint32_t ifindex, std::string_view name, bool on) const {
    XB_TRY(bit, offload_bit(ifindex, name));
    const std::size_t words = words_for(offload_names_.size());
    Sized<ethtool_sfeatures, ethtool_set_features_block> change(words);
    change.header().cmd = ETHTOOL_SFEATURES;
    change.header().size = static_cast<std::uint32_t>(words);
    const std::uint32_t mask = 1U << (*bit % 32);
    change.elements()[*bit / 32] = {.valid = mask, .requested = on ? mask : 0};
    const auto what = "cannot turn " + std::string(name) + (on ? " on" : " off");
    if (!change.ask_of(fd_.get(), ifindex)) {
        return failed(ifindex, what);
    }
    XB_TRY(now, offloads(ifindex, {&name, 1})); // a driver may have its own mind, which is no error to the kernel
    return now->front().on == on ? Result<void>() : fail(EOPNOTSUPP, about(ifindex, what + ": the driver keeps it"));
}

std::string Ethtool::bus(std::uint32_t ifindex) const {
    const auto info = driver_info(fd_.get(), ifindex);
    return {info.bus_info, ::strnlen(info.bus_info, sizeof info.bus_info)};
}

} // namespace xbond::sys
