// SPDX-License-Identifier: MIT
// Keeps a bond's file true. Every LACPDU moves a deadline of LACP's: those are saved twice a second at most. A
// successor may take one for half a second older than it is: of 3 s, or of 90.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "user/daemon/saved/bond_file.h"
#include "user/daemon/saved/file_saver.h"

namespace xbond::daemon {

class BondSaver {
public:
    BondSaver(FileSaver &files, std::filesystem::path path) : files_(&files), path_(std::move(path)) {}

    // Before a device is changed, and for an answer that says so. Where only LACP has moved, what is on disk will do.
    Task<Result<void>> whole(SavedBondFile);
    Result<void> now(const SavedBondFile &);        // while no loop runs
    void soon(const SavedBondFile &, sys::Durable); // by the disk, which is asked until it has taken it
    Task<Result<void>> forget();                    // likewise; an error: not yet

    // When what LACP moved since is to be saved; none: nothing has been moved.
    void lacp_is(const std::optional<lacp::SystemState> &state) {
        moved_ = state && (!given_ || state != given_->lacp);
    }
    std::optional<Time> deadline() const;
    bool due(Time now) const { return deadline() && *deadline() <= now; }

private:
    FileSaver::Text give(const SavedBondFile &);
    bool is_on_disk(const SavedBondFile &file) const { return on_disk_ && file.bond == given_->bond; }

    FileSaver *files_;
    std::filesystem::path path_;
    std::optional<SavedBondFile> given_; // last
    bool on_disk_ = false;               // and surely there
    bool moved_ = false;
    Time saved_at_{};
};

} // namespace xbond::daemon
