// SPDX-License-Identifier: MIT
#include "loader/events.h"

#include <algorithm>
#include <bpf/libbpf.h>
#include <cstring>

#include "loader/bpf_calls.h"

namespace xbond::loader {
namespace {

using HandlersPtr = const EventReader::Handlers *;

int on_sample(void *context, void *data, std::size_t size) {
    const EventReader::Handlers &handlers = **static_cast<HandlersPtr *>(context);
    xb_displaced sample{};
    if (size < sizeof(sample.event)) {
        return 0;
    }
    std::memcpy(&sample, data, std::min(size, sizeof(sample)));
    if (sample.event.type != XB_EVENT_DISPLACED) {
        handlers.event(sample.event);
    } else if (handlers.displaced) {
        handlers.displaced(sample.client);
    }
    return 0;
}

} // namespace

void EventReader::Free::operator()(ring_buffer *ring) const { ring_buffer__free(ring); }

Result<EventReader> EventReader::open(int map_fd) {
    EventReader reader;
    reader.handlers_ = std::make_unique<HandlersPtr>(nullptr);
    reader.ring_.reset(ring_buffer__new(map_fd, on_sample, reader.handlers_.get(), nullptr));
    if (!reader.ring_) {
        return kernel_error(errno, "cannot read " XB_MAP_EVENTS);
    }
    return reader;
}

int EventReader::fd() const { return ring_buffer__epoll_fd(ring_.get()); }

void EventReader::drain(const Handlers &handlers) {
    *handlers_ = &handlers;
    ring_buffer__consume(ring_.get());
    *handlers_ = nullptr;
}

} // namespace xbond::loader
