// SPDX-License-Identifier: MIT
#include <array>
#include <bpf/bpf.h>
#include <catch2/catch.hpp>
#include <iostream>

#include "common/fd.h"
#include "loader/xdp/array.h"
#include "tests/loader/lab.h"

using namespace xbond;
using namespace xbond::loader;

namespace {

Fd make_array() { return Fd(bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "xb_test", 4, 4, 1, nullptr)); }

Fd load_pass(bpf_attach_type type, bool frags) {
    std::array<bpf_insn, 2> code{};
    code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    code[0].imm = XDP_PASS;
    code[1].code = BPF_JMP | BPF_EXIT;
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type);
    options.prog_flags = frags ? BPF_F_XDP_HAS_FRAGS : 0;
    return Fd(bpf_prog_load(BPF_PROG_TYPE_XDP, "xb_pass", "GPL", code.data(), code.size(), &options));
}

bool takes(const Fd &array, const Fd &program) {
    const std::uint32_t key = 0;
    const int fd = program.get();
    return bpf_map_update_elem(array.get(), &key, &fd, BPF_ANY) == 0;
}

} // namespace

TEST_CASE("array: one that nobody has used takes programs loaded as nothing, which the dispatcher's are") {
    const bool frags = GENERATE(false, true);
    const Fd array = make_array();
    if (!array) {
        std::cout << "SKIPPED: no array of programs can be made\n";
        return;
    }
    CHECK(attach_type_of(array.get(), frags) == as_nothing);
    CHECK(attach_type_of(array.get(), frags) == as_nothing); // and stays so
    CHECK(takes(array, load_pass(as_nothing, frags)));
    CHECK_FALSE(takes(array, load_pass(as_nothing, !frags)));
}

TEST_CASE("array: what a revision before has used is used as before") {
    const Fd array = make_array();
    if (!array) {
        std::cout << "SKIPPED: no array of programs can be made\n";
        return;
    }
    REQUIRE(takes(array, load_pass(BPF_XDP, false))); // which decides
    const auto type = attach_type_of(array.get(), false);
    REQUIRE(type);
    CHECK(takes(array, load_pass(*type, false)));
}
