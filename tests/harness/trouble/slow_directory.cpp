// SPDX-License-Identifier: MIT
#include "tests/harness/trouble/slow_directory.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/fanotify.h>

#include "tests/harness/throw_errno.h"

namespace xbond::harness {

SlowDirectory::SlowDirectory(const std::filesystem::path &path)
    : questions_(::fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC)) {
    if (!questions_ || ::fanotify_mark(questions_.get(), FAN_MARK_ADD, FAN_OPEN_PERM | FAN_EVENT_ON_CHILD, AT_FDCWD,
                                       path.c_str()) != 0) {
        throw_errno("fanotify on " + path.string());
    }
}

bool SlowDirectory::somebody_waits() const {
    pollfd question{questions_.get(), POLLIN, 0};
    return ::poll(&question, 1, 0) == 1;
}

} // namespace xbond::harness
