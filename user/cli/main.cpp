// SPDX-License-Identifier: MIT
#include <iostream>
#include <string_view>

#include "user/cli/run.h"

int main(int argc, char **argv) {
    std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
    const std::string_view called = argc > 0 ? argv[0] : "";
    if (called.substr(called.rfind('/') + 1).starts_with("ifenslave")) {
        args.insert(args.begin(), "ifenslave");
    }
    const auto invocation = xbond::cli::parse_command(args);
    if (!invocation) {
        std::cerr << "xbond: " << invocation.error().message << '\n';
        return xbond::cli::exit_usage;
    }
    return xbond::cli::run(*invocation);
}
