// SPDX-License-Identifier: MIT
// State files, of this revision and of earlier ones: read or refused; what was read is written and read the same.
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <unistd.h>

#include "user/daemon/saved/bond_file.h"

namespace fs = std::filesystem;
using namespace xbond;

namespace {

struct Directory { // in memory
    fs::path path = "/dev/shm/xbond-fuzz-" + std::to_string(::getpid());
    Directory() { fs::create_directories(path / "bonds"); }
    ~Directory() { fs::remove_all(path); }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    static const Directory directory;
    static const std::string boot = daemon::boot_id();
    std::string text(reinterpret_cast<const char *>(data), size);
    if (const auto at = text.find("BOOT"); at != std::string::npos) { // or all would be void
        text.replace(at, 4, boot);
    }
    const auto file = daemon::bond_file(directory.path, "bond0");
    std::ofstream(file) << text;
    const auto read = daemon::load_bonds(directory.path, 0);
    if (read.bonds.size() != 1) {
        return 0;
    }
    const auto written = daemon::text_of(read.bonds.front());
    std::ofstream(file) << written;
    const auto again = daemon::load_bonds(directory.path, 0);
    if (again.bonds.size() != 1 || daemon::text_of(again.bonds.front()) != written) {
        throw std::logic_error("state changes when it is written");
    }
    return 0;
}
