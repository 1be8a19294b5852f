// SPDX-License-Identifier: MIT
// The consumer of xb_events. The read position lives in the map, so it survives the controller.
#pragma once

#include <functional>
#include <memory>

#include "xbond/abi.h"
#include "xbond/result.h"

struct ring_buffer;

namespace xbond::loader {

class EventReader {
public:
    EventReader() = default;
    static Result<EventReader> open(int map_fd);

    struct Handlers {
        const std::function<void(const xb_event &)> &event;
        const std::function<void(const xb_client &)> &displaced; // of XB_EVENT_DISPLACED; may be empty
    };

    int fd() const;
    void drain(const Handlers &);

private:
    struct Free {
        void operator()(ring_buffer *ring) const;
    };
    // libbpf calls back with a fixed context: it points here, where drain() puts those of the moment.
    std::unique_ptr<const Handlers *> handlers_;
    std::unique_ptr<ring_buffer, Free> ring_;
};

} // namespace xbond::loader
