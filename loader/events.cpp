// SPDX-License-Identifier: MIT
#include "loader/events.h"

#include <bpf/libbpf.h>
#include <cstring>

#include "loader/kernel.h"

namespace xbond::loader {
namespace {

using Handler = const std::function<void(const xb_event &)> *;

int on_sample(void *context, void *data, std::size_t size) {
    xb_event event{};
    if (size >= sizeof(event)) {
        std::memcpy(&event, data, sizeof(event));
        (**static_cast<Handler *>(context))(event);
    }
    return 0;
}

} // namespace

void EventReader::Free::operator()(ring_buffer *ring) const { ring_buffer__free(ring); }

Result<EventReader> EventReader::open(int map_fd) {
    EventReader reader;
    reader.handler_ = std::make_unique<Handler>(nullptr);
    reader.ring_.reset(ring_buffer__new(map_fd, on_sample, reader.handler_.get(), nullptr));
    if (!reader.ring_)
        return kernel_error(errno, "cannot read " XB_MAP_EVENTS);
    return reader;
}

int EventReader::fd() const { return ring_buffer__epoll_fd(ring_.get()); }

void EventReader::drain(const std::function<void(const xb_event &)> &handle) {
    *handler_ = &handle;
    ring_buffer__consume(ring_.get());
    *handler_ = nullptr;
}

} // namespace xbond::loader
