// SPDX-License-Identifier: MIT
// Catch's main, compiled once; version 3 brings it along.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
