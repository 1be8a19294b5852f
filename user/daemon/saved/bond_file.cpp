// SPDX-License-Identifier: MIT
#include "user/daemon/saved/bond_file.h"

#include <algorithm>
#include <spdlog/spdlog.h>
#include <utility>

#include "user/daemon/saved/bond_rows.h"
#include "user/daemon/saved/lacp_rows.h"
#include "user/daemon/saved/lacp_state.h"
#include "user/sys/directory.h"

namespace xbond::daemon {

namespace saved {

template <>
inline constexpr auto rows<SavedBondFile> =
    std::tuple{field("boot_id", &SavedBondFile::boot_id), field("bond", &SavedBondFile::bond),
               field("lacp", &SavedBondFile::lacp), unsaved(&SavedBondFile::netns)};

template <> struct Besides<SavedBondFile> {
    static constexpr const char *key = "netns"; // earlier revisions neither write nor miss it
    static void write_into(json &j, const SavedBondFile &file) { j[key] = file.netns; }
    static void read_from(const json &j, SavedBondFile &file) {
        file.netns = j.contains(key) ? read<std::uint64_t>(j.at(key)) : 0;
    }
};

} // namespace saved

namespace {

using saved::json;

constexpr int file_version = 4; // state.json ended with 3
constexpr const char *lacp_key = "lacp";

std::filesystem::path bonds_dir(const std::filesystem::path &dir) { return dir / "bonds"; }

// To copy what is nested without end would take a stack without end: it is moved.
SavedBondFile file_of(json &&j, const std::string &path) {
    try {
        return saved::read<SavedBondFile>(j);
    } catch (const std::exception &e) {
        if (j.at(lacp_key).is_null()) {
            throw;
        }
        j[lacp_key] = nullptr;
        auto file = saved::read<SavedBondFile>(j);
        spdlog::warn("{}: {}: LACP starts anew", path, e.what());
        return file;
    }
}

// None: of another boot or of another network namespace.
Result<std::optional<SavedBondFile>> load_bond(const std::filesystem::path &path, std::uint64_t netns) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) {
        return fail(EINVAL, path.string() + " is no regular file");
    }
    XB_TRY(text, sys::read_own_file(path));
    try {
        auto j = json::parse(*text);
        if (j.at("boot_id") != boot_id()) {
            return std::nullopt;
        }
        if (j.at("version") != file_version) {
            return fail(EPROTO, path.string() + ": state version " + saved::describe(j.at("version")) +
                                    ", this xbondd knows " + std::to_string(file_version));
        }
        auto file = file_of(std::move(j), path.string());
        if (file.netns != 0 && netns != 0 && file.netns != netns) {
            spdlog::warn("{} is of a network namespace that is not this one: not used", path.string());
            return std::nullopt;
        }
        if (file.bond.core.name != path.stem()) {
            return fail(EINVAL, path.string() + ": name: it is of '" + file.bond.core.name + "'");
        }
        return file;
    } catch (const std::exception &e) {
        return fail(EINVAL, path.string() + ": " + e.what());
    }
}

bool is_json(const std::filesystem::directory_entry &entry) { return entry.path().extension() == ".json"; }

Result<void> add_earlier(const std::filesystem::path &dir, std::vector<SavedBondFile> &all) {
    XB_TRY(earlier, load_state(dir));
    for (SavedController &bond : earlier->bonds) {
        const std::string name = bond.core.name;
        if (std::ranges::any_of(all, [&](const SavedBondFile &file) { return file.bond.core.name == name; })) {
            continue;
        }
        auto lacp = load_lacp(dir, name);
        if (!lacp) {
            spdlog::warn("{}: {}: LACP starts anew", name, lacp.error().message);
        }
        all.push_back({earlier->boot_id, std::move(bond), lacp ? std::move(*lacp) : std::nullopt, 0});
    }
    return {};
}

} // namespace

std::filesystem::path bond_file(const std::filesystem::path &dir, const std::string &bond) {
    return bonds_dir(dir) / (bond + ".json");
}

std::filesystem::path unfinished_file(const std::filesystem::path &dir) { return dir / "unfinished.json"; }

Result<void> make_state_dirs(const std::filesystem::path &dir) {
    XB_TRY_VOID(sys::make_private(dir, 0700));
    return sys::make_private(bonds_dir(dir), 0700);
}

std::string text_of(const SavedBondFile &file) {
    json all = saved::write(file);
    all["version"] = file_version;
    // A device's name may be any bytes; what is no UTF-8 is replaced, and the name read anew from the device.
    return all.dump(1, ' ', false, json::error_handler_t::replace);
}

SavedBonds load_bonds(const std::filesystem::path &dir, std::uint64_t netns) {
    SavedBonds all;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator(bonds_dir(dir), error)) {
        if (!is_json(entry)) {
            continue;
        }
        auto file = load_bond(entry.path(), netns);
        if (!file) {
            all.unreadable.push_back({entry.path().stem(), std::move(file.error())});
        } else if (*file) {
            all.bonds.push_back(std::move(**file));
        }
    }
    if (error && error.value() != ENOENT) {
        all.incomplete = Error{error.value(), bonds_dir(dir).string() + ": " + error.message()};
    }
    if (auto added = add_earlier(dir, all.bonds); !added) {
        all.incomplete = std::move(added.error());
    }
    std::ranges::sort(all.bonds, {}, [](const SavedBondFile &file) { return file.bond.core.name; });
    return all;
}

Result<std::filesystem::path> set_aside(const std::filesystem::path &file) {
    std::filesystem::path aside = file.string() + ".broken";
    for (int n = 2; std::filesystem::exists(aside); ++n) {
        aside = file.string() + ".broken" + std::to_string(n);
    }
    std::error_code error;
    std::filesystem::rename(file, aside, error);
    if (error) {
        return fail(error.value(), "cannot rename " + file.string() + ": " + error.message());
    }
    return aside;
}

void forget_earlier_files(const std::filesystem::path &dir) {
    std::error_code none;
    for (const auto &entry : std::filesystem::directory_iterator(dir, none)) {
        const auto name = entry.path().filename().string();
        if (name == "state.json" || (name.starts_with("lacp-") && is_json(entry))) {
            std::filesystem::remove(entry.path(), none);
        }
    }
}

void forget_files(const std::filesystem::path &dir) {
    std::error_code none;
    for (const auto &entry : std::filesystem::directory_iterator(bonds_dir(dir), none)) {
        if (is_json(entry)) {
            std::filesystem::remove(entry.path(), none);
        }
    }
    std::filesystem::remove(bonds_dir(dir), none);
    std::filesystem::remove(applied_file(dir), none);
    forget_earlier_files(dir);
    std::filesystem::remove(unfinished_file(dir), none);
    std::filesystem::remove(dir, none);
}

} // namespace xbond::daemon
