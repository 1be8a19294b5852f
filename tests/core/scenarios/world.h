// SPDX-License-Identifier: MIT
// The bonds of a scenario, the cables between their slaves and one clock for all. A command without a bond's name is
// for every bond, in the order in which they were made; "a: COMMAND" is for bond a alone.
//
// Time starts at 0 and goes on by `wait` and `at` alone: from deadline to deadline, each served as the daemon does.
//
//     bond [NAME] [mac M] OPTION VALUE ...    made, and set up; with an address of its own if the user gave it one
//     cable a.e0 b.e0                         what one sends the other hears; `cable e0 e0` is a loop
//     wait 300ms, at 60s
//     forget                                  what has come of the commands so far is not told
//
// and what commands.cpp lists.
#pragma once

#include <memory>
#include <set>
#include <utility>

#include "tests/core/lab.h"
#include "tests/core/scenarios/story.h"

namespace xbond::test::scenario {

using Words = std::vector<std::string>;

Time length_of(const std::string &text); // "300ms", "60s"

struct Bond {
    Bond(std::string name_given, const OptionList &options, bool mac_is_random)
        : name(std::move(name_given)), lab(options, mac_is_random, false), teller(lab.bond) {}

    std::string name;
    Lab lab;
    Teller teller;
    bool quiet = false;
    bool stopped = false; // its controller is away: it does nothing, and hears nothing
    Time slept{};         // in all: its clock stood still meanwhile
    std::vector<core::SlowFrame> inbox;
    std::set<std::pair<std::string, MacAddr>> refuses; // slaves, and the addresses that they do not take
    std::map<std::string, lacp::PortInfo> partners;    // written by hand, of a slave
};

class World {
public:
    void run(const Command &); // throws for what is no command
    Lines take();              // what has come of it since the last time

private:
    using Handler = void (World::*)(Bond &, const Words &);
    struct Verb {
        Handler handle;
        std::size_t fewest; // words behind the verb
    };
    static const std::map<std::string, Verb> &verbs();

    // of the world
    void make_bond(Words);
    void cable(const Words &);
    void walk(Time until);
    // of a bond
    void enslave(Bond &, const Words &);
    void release(Bond &, const Words &);
    void admin_up(Bond &, const Words &);
    void admin_down(Bond &, const Words &);
    void option(Bond &, const Words &);
    void mac(Bond &, const Words &);
    void refuse_mac(Bond &, const Words &);
    void carrier(Bond &, const Words &);
    void speed(Bond &, const Words &);
    void path(Bond &, const Words &);
    void target(Bond &, const Words &);
    void hear(Bond &, const Words &);
    void probes(Bond &, const Words &);
    void lose(Bond &, const Words &);
    void pass(Bond &, const Words &);
    void partner(Bond &, const Words &);
    void pdu(Bond &, const Words &);
    void marker(Bond &, const Words &);
    void stop(Bond &, const Words &);
    void end(Bond &, const Words &);
    void start(Bond &, const Words &);
    void sleep(Bond &, const Words &);
    void quiet(Bond &, const Words &);
    void hide(Bond &, const Words &);
    void show(Bond &, const Words &);

    Bond &find(const std::string &name);
    Time clock(const Bond &) const;         // what it takes `now_` for
    Time time_of(const Bond &, Time) const; // of its clock, in the world's
    void serve(Bond &);                     // what is due
    void settle();                          // what has been done is told, and frames go where they are sent
    bool drain(Bond &);                     // true if the bond was told something
    bool tell(Bond &, const core::Effect &, Time when);
    void receive(Bond &, const std::string &slave, wire::Frame);
    void send(Bond &, const core::SendSlow &);
    void observe(Bond &, const std::string &slave);
    void say(const Bond &, Told);

    Time now_ = Ms(0);
    std::vector<std::unique_ptr<Bond>> bonds_;
    std::map<std::string, std::string> cables_; // "a.e0" to "b.e0", and back
    std::set<std::string> lost_;                // ends from which nothing arrives
    std::set<std::string> hidden_;              // machines
    std::vector<Told> told_;
    std::uint8_t next_mac_ = 1;
};

} // namespace xbond::test::scenario
