// SPDX-License-Identifier: MIT
// A disk of its own in the place of a directory: what was in it is there as well, until it ends.
#pragma once

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/mount.h>
#include <system_error>

namespace xbond::harness {

class SmallDisk {
public:
    explicit SmallDisk(std::filesystem::path place) : place_(std::move(place)) {
        namespace fs = std::filesystem;
        const fs::path aside = place_.string() + ".aside";
        fs::copy(place_, aside, fs::copy_options::recursive);
        mount(0);
        fs::copy(aside, place_, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
        fs::remove_all(aside);
    }
    SmallDisk(const SmallDisk &) = delete;
    SmallDisk &operator=(const SmallDisk &) = delete;
    ~SmallDisk() { ::umount2(place_.c_str(), MNT_DETACH); }

    void fill() const {
        std::ofstream file(place_ / "filler");
        const std::string block(512, 'x');
        while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {}
    }
    void empty() const { std::filesystem::remove(place_ / "filler"); }
    void set_read_only(bool on) const { mount(MS_REMOUNT | (on ? MS_RDONLY : 0)); }

private:
    void mount(unsigned long flags) const {
        if (::mount("xbond-test", place_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | flags, "mode=0700,size=128k") != 0) {
            throw std::system_error(errno, std::generic_category(), "mount");
        }
    }
    std::filesystem::path place_;
};

} // namespace xbond::harness
