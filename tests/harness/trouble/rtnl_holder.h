// SPDX-License-Identifier: MIT
// Holds the kernel's RTNL lock, as a slow driver or a mass delete in any namespace does: whoever sets or lists a device
// on this machine waits for its end. By a request of a driver whose buffer is a page that does not come.
#pragma once

#include <chrono>
#include <thread>

#include "common/fd.h"

namespace xbond::harness {

class RtnlHolder {
public:
    RtnlHolder();  // returns when it is held; throws std::system_error where userfaultfd is not to be had
    ~RtnlHolder(); // lets it go
    RtnlHolder(const RtnlHolder &) = delete;
    RtnlHolder &operator=(const RtnlHolder &) = delete;

    std::chrono::milliseconds held() const;

private:
    Fd faults_;
    void *pages_;
    std::chrono::steady_clock::time_point since_;
    std::thread asking_;
};

} // namespace xbond::harness
