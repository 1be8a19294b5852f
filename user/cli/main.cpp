// SPDX-License-Identifier: MIT
#include <iostream>

#include "user/cli/run.h"

int main(int argc, char **argv) {
    const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
    const auto invocation = xbond::cli::parse_command(args);
    if (!invocation) {
        std::cerr << "xbond: " << invocation.error().message << '\n';
        return xbond::cli::exit_usage;
    }
    return xbond::cli::run(*invocation);
}
