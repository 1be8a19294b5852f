// SPDX-License-Identifier: MIT
#include <array>

#include "loader/hook/hook.h"

// The one list of the kinds of hook, best first. Row `x` is defined in x.cpp, as the function `x_hook`.
#define XB_HOOK_KINDS(ROW)                                                                                             \
    ROW(tcx)                                                                                                           \
    ROW(clsact)

namespace xbond::loader {

#define XB_DECLARE(kind) const HookKind &kind##_hook();
XB_HOOK_KINDS(XB_DECLARE)
#undef XB_DECLARE

std::span<const HookKind *const> hook_kinds() {
#define XB_ADDRESS(kind) &kind##_hook(),
    static const std::array kinds{XB_HOOK_KINDS(XB_ADDRESS)};
#undef XB_ADDRESS
    return kinds;
}

std::vector<std::string> programs_behind_ours(HookPoint where) {
    std::vector<std::string> all;
    for (const HookKind *kind : hook_kinds()) {
        const auto here = kind->behind_ours(where);
        all.insert(all.end(), here.begin(), here.end());
    }
    return all;
}

Result<const HookKind *> find_hook_kind(const HookPlace &place, std::uint32_t table_id) {
    std::string refusals;
    for (const HookKind *kind : hook_kinds()) {
        const auto hook = kind->adopt(place, table_id);
        if (hook) {
            return kind;
        }
        if (hook.error().code != ENOENT && hook.error().code != EPROTO) {
            return tl::unexpected(hook.error()); // it may be this one
        }
        refusals += (refusals.empty() ? "" : "; ") + std::string(kind->name()) + ": " + hook.error().message;
    }
    return fail(EPROTO, "no kind of hook knows " + place.name + " of the pinned data path (" + refusals + ")");
}

} // namespace xbond::loader
