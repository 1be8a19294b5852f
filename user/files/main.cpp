// SPDX-License-Identifier: MIT
// xbond-files: the files of the kernel's bonding driver for the bonds of one network namespace. A client of xbondd: who
// reads slowly, or not at all, keeps this program waiting and never the controller.
#include <filesystem>
#include <iostream>
#include <optional>
#include <span>
#include <string_view>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <vector>

#include "user/files/mount.h"
#include "user/files/service.h"
#include "user/sys/netns.h"

namespace {

namespace fs = std::filesystem;
using namespace xbond;

int report(const Error &error) {
    std::cerr << "xbond-files: " << error.message << '\n';
    return 1;
}

bool is_machines_own(std::uint64_t netns) {
    struct stat st {};
    return ::stat("/proc/1/ns/net", &st) == 0 && st.st_ino == netns;
}

// /run/xbond/proc and /run/xbond/sys: the machine's own network namespace.
class ShortNames {
public:
    ShortNames(const fs::path &mounted, bool wanted) {
        for (const char *name : {"proc", "sys"}) {
            if (wanted) {
                names_.push_back({fs::path("/run/xbond") / name, mounted / name});
            }
        }
    }
    ShortNames(const ShortNames &) = delete;
    ShortNames &operator=(const ShortNames &) = delete;
    ~ShortNames() {
        if (made_) {
            remove();
        }
    }
    void make() {
        made_ = true;
        for (const auto &[name, target] : names_) {
            std::error_code ignored;
            if (fs::is_symlink(name, ignored)) {
                fs::remove(name, ignored);
            }
            fs::create_symlink(target, name, ignored);
        }
    }
    void remove() const {
        for (const auto &[name, target] : names_) {
            std::error_code ignored;
            if (fs::read_symlink(name, ignored) == target) {
                fs::remove(name, ignored);
            }
        }
    }

private:
    std::vector<std::pair<fs::path, fs::path>> names_;
    bool made_ = false; // by us
};

constexpr const char *usage =
    R"(Usage: xbond-files [DIR] [--socket PATH] [--unmount]
The files of the kernel's bonding driver for the bonds of this network namespace, below DIR: proc/net/bonding/BOND,
sys/class/net/bonding_masters, sys/class/net/BOND/bonding/*, sys/class/net/SLAVE/bonding_slave/*.
  DIR            default /run/xbond/<netns inode>/files, and for the machine's own network namespace also
                 /run/xbond/proc and /run/xbond/sys
  --socket PATH  of xbondd (default /run/xbond/<netns inode>/control)
  --unmount      only detach what a killed predecessor left there
)";

struct Arguments {
    fs::path directory, socket;
    bool unmount = false;
    std::optional<int> exit_code; // there is nothing more to do
};

Arguments parse(std::span<char *const> argv) {
    Arguments out;
    for (std::size_t i = 1; i < argv.size(); ++i) {
        const std::string_view word = argv[i];
        std::error_code ignored;
        if (word == "--help" || word == "-h" || word == "--version") {
            std::cout << (word == "--version" ? "xbond-files " XBOND_VERSION "\n" : usage);
            out.exit_code = 0;
        } else if (word == "--unmount") {
            out.unmount = true;
        } else if (word == "--socket" && i + 1 < argv.size()) {
            out.socket = fs::absolute(argv[++i], ignored);
        } else if (!word.empty() && !word.starts_with('-') && out.directory.empty()) {
            out.directory = fs::absolute(word, ignored).lexically_normal();
            out.directory = out.directory.has_filename() ? out.directory : out.directory.parent_path();
        } else {
            std::cerr << "xbond-files: unexpected \"" << word << "\"\n" << usage;
            out.exit_code = 2;
        }
    }
    return out;
}

int run(const Arguments &wanted) {
    std::error_code ignored;
    const auto netns = sys::netns_inode();
    if (!netns) {
        return report(netns.error());
    }
    const bool usual = wanted.directory.empty();
    const auto daemon = wanted.socket.empty() ? sys::default_socket(*netns) : wanted.socket;
    if (usual) {
        sys::join_outer_mounts(daemon);
    }
    const auto at = usual ? sys::default_files_dir(*netns) : wanted.directory;
    ShortNames names(at, usual && is_machines_own(*netns));
    if (wanted.unmount) {
        files::detach_dead(at);
        if (!fs::exists(at / "proc", ignored)) { // nobody has come after us
            names.remove();
        }
        return 0;
    }
    const auto place = files::MountPoint::take(at);
    if (!place) {
        return report(place.error());
    }
    files::Service service(daemon);
    const auto done = files::serve(service, *place, [&] {
        names.make();
        sd_notify(0, "READY=1");
    });
    return done ? 0 : report(done.error());
}

} // namespace

int main(int argc, char **argv) {
    const auto arguments = parse(std::span(argv, static_cast<std::size_t>(argc)));
    return arguments.exit_code ? *arguments.exit_code : run(arguments);
}
