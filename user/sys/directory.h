// SPDX-License-Identifier: MIT
// Directories that root's programs keep their files in: made with explicit modes, and trusted only if nobody else could
// have prepared them.
#pragma once

#include <filesystem>
#include <sys/types.h>

#include "common/fd.h"
#include "xbond/result.h"

namespace xbond::sys {

// Makes what is missing of the path, each directory with this mode whatever the umask is. What exists is left alone.
Result<void> make_directories(const std::filesystem::path &, mode_t mode = 0755);

// EPERM unless the directory (no symlink) belongs to this process's user and nobody else may write in it. ENOENT: it is
// not there.
Result<void> check_private(const std::filesystem::path &directory);

bool others_may_write(const std::filesystem::path &directory);

// Makes it, with this mode; one that belongs to this process's user but lets others write is closed to them. EPERM,
// ENOTDIR: somebody else's, or a symlink.
Result<void> make_private(const std::filesystem::path &directory, mode_t mode);

// EPERM where somebody without rights could put something in the place of a file of ours. A directory for all, as /tmp,
// will do: there everybody may remove only his own.
Result<void> check_shared(const std::filesystem::path &directory);

// The text of a regular file, no symlink, that nobody but this process's user can have written. ENOENT: it is not
// there.
Result<std::string> read_own_file(const std::filesystem::path &);

// Holds a file of a private directory for this process alone, as long as the descriptor is open; the file tells the
// holder's pid. EBUSY names it: "<what> (pid 17) ...".
Result<Fd> lock_file(const std::filesystem::path &, const std::string &what);

} // namespace xbond::sys
