// SPDX-License-Identifier: MIT
// A program on a TC hook: a pinned tcx link, or a clsact filter where the kernel has no tcx. Destroying the object
// detaches nothing (the data path outlives its controller); detach() does.
#pragma once

#include <filesystem>

#include "common/fd.h"
#include "loader/bpf_calls.h"

namespace xbond::loader {

class TcHook {
public:
    static Result<TcHook> attach_tcx(HookPoint where, int prog_fd, std::filesystem::path link_pin);
    // ENOENT: no such pin. A link whose device has gone has ifindex 0 in its place.
    static Result<TcHook> adopt_tcx(Direction direction, std::filesystem::path link_pin);

    // The filter has a fixed handle and priority. `qdisc_mark` is made where the qdisc is ours to remove.
    static Result<TcHook> attach_clsact(HookPoint where, int prog_fd, std::filesystem::path qdisc_mark);
    // ENOENT: no filter there that uses this map.
    static Result<TcHook> adopt_clsact(HookPoint where, std::uint32_t map_id, std::filesystem::path qdisc_mark);

    HookPoint where() const { return where_; }
    std::uint32_t prog_id() const;    // 0: gone
    Result<void> update(int prog_fd); // no packet meets the hook without a program
    void detach();

private:
    TcHook(HookPoint where, Fd link, std::filesystem::path path);

    HookPoint where_;
    Fd link_;                    // tcx
    std::filesystem::path path_; // tcx: the link's pin; clsact: the mark
};

// The name of the mark that says: the clsact qdisc of this device was made by us.
std::string qdisc_mark_name(std::uint32_t ifindex);

// Id of the program in our filter, 0 when there is none.
std::uint32_t clsact_prog_id(HookPoint where);

// Removes our filter; then the qdisc, if the mark is there and nobody else's filter is on it. Other filters stay.
void remove_clsact(HookPoint where, const std::filesystem::path &qdisc_mark);

} // namespace xbond::loader
