// SPDX-License-Identifier: MIT
#include "user/cli/import_files.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "user/cli/root_files.h"
#include "user/import/import.h"

namespace xbond::cli {

Result<void> import_files(const ImportFiles &what, bool json, bool pretty) {
    XB_TRY(files, RootFiles::open(what.root));
    XB_TRY(imported, import::import_files(*files, what.format));
    // What is printed here is what apply takes, or it is not printed.
    XB_TRY_VOID(api::parse_config(imported->config.dump(), "imported config"));
    const auto text = [](const auto &value, bool indented) {
        return value.dump(indented ? 4 : -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    };
    if (json) {
        std::cout << text(import::to_json(*imported), pretty) << '\n';
        return {};
    }
    std::cout << text(imported->config, true) << '\n';
    std::cerr << import::notes_text(*imported);
    if (imported->config["bonds"].empty()) {
        std::cerr << "xbond: no bond is described below " << what.root << '\n';
    }
    return {};
}

} // namespace xbond::cli
