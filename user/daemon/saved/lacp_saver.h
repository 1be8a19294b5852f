// SPDX-License-Identifier: MIT
// Keeps a bond's LACP file true: at once when a machine has changed, otherwise twice a second at most, since every
// LACPDU moves a deadline. A successor may take one for half a second older than it is: of 3 s, or of 90.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "user/core/lacp/system.h"
#include "user/daemon/saved/file_saver.h"

namespace xbond::daemon {

class LacpSaver {
public:
    LacpSaver(FileSaver &files, std::filesystem::path path) : files_(files), path_(std::move(path)) {}

    // After every event. No system: no file.
    void save(const std::optional<lacp::System> &, bool changed, Time now);
    void forget();
    bool due(Time now) const { return deadline() && *deadline() <= now; }
    std::optional<Time> deadline() const;

private:
    FileSaver &files_;
    std::filesystem::path path_;
    std::optional<lacp::SystemState> saved_;
    Time saved_at_{};
    bool unsaved_ = false;
};

} // namespace xbond::daemon
