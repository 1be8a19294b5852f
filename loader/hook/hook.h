// SPDX-License-Identifier: MIT
// The kinds of hook that can hold a bond's TC programs, behind one interface. A new kind is a file beside this one, a
// row in registry.cpp and the file's name in CMakeLists.txt: nothing else asks which kind it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/bpf_calls.h"
#include "xbond/result.h"
#include "xbond/types.h"

namespace xbond::loader {

// One hook of a bond: where it sits, and what it is called among the bond's pins.
struct HookPlace {
    HookPoint where;
    std::filesystem::path pin_dir; // the bond's
    std::string name;              // "tx_bond", "tx_peer", "rx_<slot>"
};

// Our program on a hook. Destroying the object detaches nothing (the data path outlives its controller); detach() does.
class Hook {
public:
    explicit Hook(HookPoint where) : where_(where) {}
    Hook(const Hook &) = delete;
    Hook &operator=(const Hook &) = delete;
    virtual ~Hook() = default;

    HookPoint where() const { return where_; } // ifindex 0: the device has gone

    virtual std::uint32_t prog_id() const = 0;    // 0: gone
    virtual Result<void> update(int prog_fd) = 0; // no packet meets the hook without a program
    virtual void detach() = 0;                    // with its pins and marks; also after the device has gone
    virtual void pins_moved(const std::filesystem::path &pin_dir) = 0; // the bond's, with everything in them

    // Puts the program back where somebody has taken it away; true: that was so. Waits for RTNL.
    virtual Result<bool> mend(int /*prog_fd*/) { return false; }

    // The name of a program that stands behind ours, which ends the walk: it never runs. Empty: ours is the last. Costs
    // little while nobody changes anything. Waits for RTNL.
    virtual Result<std::string> covers() { return std::string(); }
    // As update(), and ours is the last one from then on; another instance of the program, where covers() named one.
    virtual Result<void> update_last(int prog_fd) { return update(prog_fd); }

    // Ends the programs of other data paths of xbond on this hook: of controllers that have gone and whose pins are not
    // found any more. They stand before ours, and would go on to decide by tables that nobody writes.
    virtual void end_rivals() {}

private:
    HookPoint where_;
};

class HookKind {
public:
    virtual ~HookKind() = default;

    virtual std::string_view name() const = 0;  // in the status: "tcx", "clsact"
    virtual std::string_view means() const = 0; // what it attaches, in the plural: "links on tcx hooks"

    // The feature of the kernel that it needs, as `xbond doctor` and the status list it. Empty: every kernel has it.
    virtual std::string_view feature() const { return {}; }
    // Tries it with a TC program, without touching a device; the kernel's errno where the feature is missing.
    virtual Result<void> try_out(int /*prog_fd*/) const { return {}; }

    // Names of the programs that stand behind ours on a hook: they see nothing of what ours redirects.
    virtual std::vector<std::string> behind_ours(HookPoint) const { return {}; }

    // Whether anybody may take a hook away with a common tool and without us hearing of it.
    virtual bool can_be_taken() const { return false; }
    // How often mend() and covers() are to be called: nobody tells us.
    virtual Ms look_pause() const = 0;

    // Nothing is left on error. What it pins is a link under the place's name; other marks in the directory bear names
    // that no other kind uses.
    virtual Result<std::unique_ptr<Hook>> attach(const HookPlace &, int prog_fd) const = 0;

    // Takes over what attach() left, and nothing that another kind did: whether this succeeds is how a kind is
    // recognised. ENOENT: nothing there, or not of the bond whose table has this id. EPROTO: of another kind. The hook
    // may turn out to be on another device than the place says, or on none: the caller compares.
    virtual Result<std::unique_ptr<Hook>> adopt(const HookPlace &, std::uint32_t table_id) const = 0;

    // Removes from a device what no pinned link holds (those are detached by whoever removes the pins): programs that
    // are `ours`, and what the marks say was made for them. For the way down without a data path.
    virtual void sweep(std::uint32_t /*ifindex*/, const std::filesystem::path & /*pin_dir*/, const IsOurs &) const {}
};

// Best first; the last is one that every kernel has.
std::span<const HookKind *const> hook_kinds();

// Priority of our filter where the hook is a clsact qdisc, on every device, for ever: --teardown of a later version
// must find it. Far behind the priorities that people write by hand, before those that the kernel gives by itself
// (49152), so that policers come first.
inline constexpr std::uint32_t filter_priority = 0x7862; // "xb"

// On hooks of any kind; empty as well where ours is not there or the kernel does not tell.
std::vector<std::string> programs_behind_ours(HookPoint);

// The kind that attached what is at this place. EPROTO: none of ours.
Result<const HookKind *> find_hook_kind(const HookPlace &, std::uint32_t table_id);

} // namespace xbond::loader
