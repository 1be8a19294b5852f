// SPDX-License-Identifier: MIT
// V01..V75: one test for each vector of tests/data/lacp_vectors.json, registered from the file.
#include <catch2/catch.hpp>

#include "tests/core/lacp/lab.h"
#include "tests/core/lacp/vectors.h"

using namespace xbond;
using namespace xbond::test;

namespace {

const MacAddr our_slave{{2, 0, 0, 0, 0x0a, 0x11}};

void check_transmit(const Vector &vector) { CHECK(encode(*vector.pdu, vector.source) == vector.frame); }

void check_counters(const Vector &vector, const Counters &counters) {
    for (const auto &[name, member] : counter_table) {
        const auto expected = vector.counters.find(std::string(name));
        INFO(name);
        CHECK(counters.*member == (expected == vector.counters.end() ? 0 : expected->second));
    }
}

// The frame arrives on a port whose partner is silent: nothing else counts or changes.
void check_receive(const Vector &vector) {
    System system(defaults());
    system.add_port(0, our_slave, default_port_priority, Time{});
    system.set_link(0, {true, true, speed_10g}, Time{});
    auto before = *system.port(0);
    before.counters = {};
    const auto effects = system.receive(0, vector.frame, Time{}, Time{});
    auto port = *system.port(0);
    auto counters = port.counters;
    counters.expired = counters.port_enabled_changes = counters.lacpdu_tx = 0; // of coming up
    check_counters(vector, counters);

    const auto classified = classify(vector.frame, system.options().system());
    if (vector.action == "accept") {
        REQUIRE(classified.verdict == Verdict::lacpdu);
        CHECK(classified.pdu == vector.pdu);
        CHECK(trailing_tlvs(classified.payload.first(110)) == vector.trailing_tlvs);
        CHECK(port.rx == RxState::current);
        CHECK(port.partner.same_id(vector.pdu->actor));
        return;
    }
    CHECK((vector.action == "pass") == (classified.verdict == Verdict::pass));
    const bool responds = vector.action == "marker_respond";
    REQUIRE(effects.frames.size() == (responds ? 1 : 0));
    if (responds) {
        CHECK(effects.frames[0].bytes == vector.response);
        CHECK(effects.frames[0].is_marker);
    }
    port.counters = {};
    port.loop = false; // V50
    port.markers_sent.clear();
    CHECK(port == before);
}

struct VectorTest : Catch::ITestInvoker {
    explicit VectorTest(Vector v) : vector(std::move(v)) {}
    void invoke() const override { vector.action == "transmit" ? check_transmit(vector) : check_receive(vector); }
    Vector vector;
};

std::size_t register_vectors() {
    const auto vectors = load_vectors();
    for (const auto &vector : vectors) {
        const auto name = vector.id + " " + vector.title;
        Catch::AutoReg(new VectorTest(vector), CATCH_INTERNAL_LINEINFO, Catch::StringRef(), Catch::NameAndTags{name});
    }
    return vectors.size();
}

const auto registered = register_vectors();

} // namespace

TEST_CASE("all 52 vectors and 85 assertions of the reference are tests") {
    CHECK(registered == 52);
    std::set<std::string> ids;
    for (const auto &test : Catch::getRegistryHub().getTestCaseRegistry().getAllTests()) {
        ids.insert(test.name.substr(0, test.name.find(' ')));
    }
    const auto assertions = load_assertion_ids();
    CHECK(assertions.size() == 85);
    for (const auto &id : assertions) {
        INFO(id);
        CHECK(ids.count(id) == 1);
    }
}
