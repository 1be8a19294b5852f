// SPDX-License-Identifier: MIT
// fuzz_pdu [SECONDS [SEED]]: mutated frames of tests/data/lacp_vectors.json through the codec and through a running
// System. What it looks for is a crash, a sanitizer's report, machines that find no fixed point, or too many PDUs.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <random>
#include <string>

#include "tests/core/lacp/vectors.h"
#include "user/core/lacp/system.h"

using namespace xbond;
using namespace xbond::lacp;

namespace {

class Fuzzer {
public:
    explicit Fuzzer(unsigned seed) : random_(seed), vectors_(test::load_vectors()), system_(options()) {
        for (SlotId slot = 0; slot < slots; ++slot) {
            check(system_.add_port(slot, {{2, 0, 0, 0, 0x0a, slot}}, default_port_priority, now_));
            check(system_.set_link(slot, {true, true, 10000}, now_));
        }
    }

    void round() {
        auto frame = mutate(vectors_[below(vectors_.size())].frame);
        const auto classified = classify(frame, system_.options().system());
        trailing_tlvs(classified.payload);
        if (classified.verdict == Verdict::lacpdu && encode(classified.pdu, {}).size() != 124) {
            throw std::logic_error("an LACPDU is not 124 octets long");
        }
        now_ += Ms(below(2) == 0 ? 0 : below(5000));
        const auto slot = static_cast<SlotId>(below(slots + 1));
        const auto late = Ms(below(10000));
        check(system_.receive(slot, frame, below(4) == 0 ? std::nullopt : std::optional<Time>(now_ - late), now_));
        if (below(50) == 0) {
            check(system_.set_link(slot, {below(4) != 0, below(8) != 0, 10000}, now_));
        }
        if (below(2) == 0) {
            check(system_.expire(now_));
        }
        if (below(100) == 0) {
            system_ = System::restore(system_.save(), now_).value();
        }
    }

private:
    static constexpr SlotId slots = 3;

    static SystemOptions options() {
        SystemOptions options;
        options.bond_mac = {{2, 0, 0, 0, 0x0a, 1}};
        options.ad_select = AdSelect::count;
        options.max_ports = 2;
        options.coupled_control = false;
        return options;
    }

    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

    wire::Frame mutate(wire::Frame frame) {
        for (auto edits = below(6); edits > 0; --edits) {
            switch (below(4)) {
            case 0:
                frame.resize(below(frame.size() + 40));
                break;
            case 1: // a state octet, where most of the meaning is
                if (frame.size() > 52) {
                    frame[below(2) == 0 ? 32 : 52] = static_cast<std::uint8_t>(below(256));
                }
                break;
            default:
                if (!frame.empty()) {
                    frame[below(frame.size())] = static_cast<std::uint8_t>(below(256));
                }
            }
        }
        return frame;
    }

    void check(const Effects &effects) const {
        if (!effects.settled) {
            throw std::logic_error("the machines do not settle");
        }
        for (const auto &port : system_.ports()) {
            if (port.pdus_sent.size() > 3 || port.markers_sent.size() > 5) {
                throw std::logic_error("too many PDUs");
            }
            if (system_.distributing(port.slot) && !system_.collecting(port.slot)) {
                throw std::logic_error("a port distributes but does not collect");
            }
        }
    }

    std::mt19937 random_;
    std::vector<test::Vector> vectors_;
    System system_;
    Time now_{};
};

} // namespace

int main(int argc, char **argv) {
    const double seconds = argc > 1 ? std::stod(argv[1]) : 1;
    const auto seed = static_cast<unsigned>(argc > 2 ? std::stoul(argv[2]) : 1);
    Fuzzer fuzzer(seed);
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    std::uint64_t rounds = 0;
    try {
        for (; std::chrono::steady_clock::now() < end; ++rounds) {
            fuzzer.round();
        }
    } catch (const std::exception &error) {
        std::cerr << "seed " << seed << ", round " << rounds << ": " << error.what() << "\n";
        return 1;
    }
    std::cout << rounds << " frames, seed " << seed << "\n";
}
