// SPDX-License-Identifier: MIT
// A BPF array of one element, as memory that the programs and this process share.
#pragma once

#include <string>
#include <sys/mman.h>
#include <utility>

#include "loader/bpf_calls.h"
#include "xbond/result.h"

namespace xbond::loader {

template <typename T> class Mapped {
public:
    Mapped() = default;
    static Result<Mapped> map(int fd, const char *name) {
        void *const memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory == MAP_FAILED) {
            return kernel_error(errno, std::string("cannot map ") + name);
        }
        return Mapped(static_cast<T *>(memory));
    }
    Mapped(Mapped &&other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
    Mapped &operator=(Mapped &&other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    ~Mapped() {
        if (value_ != nullptr) {
            munmap(value_, sizeof(T));
        }
    }

    T *operator->() const { return value_; }
    T &operator*() const { return *value_; }

private:
    explicit Mapped(T *value) : value_(value) {}

    T *value_ = nullptr;
};

} // namespace xbond::loader
