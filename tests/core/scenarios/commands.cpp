// SPDX-License-Identifier: MIT
// What a scenario can have happen to a bond. `words` is what follows the verb.
#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tests/core/scenarios/world.h"

namespace xbond::test::scenario {
namespace {

bool is(const std::string &word, const char *yes, const char *no) {
    if (word != yes && word != no) {
        throw std::invalid_argument("expected " + std::string(yes) + " or " + no + ", got " + word);
    }
    return word == yes;
}

std::uint32_t speed_of(const std::string &word) {
    return word == "unknown" ? core::speed_unknown : static_cast<std::uint32_t>(std::stoul(word));
}

std::uint8_t duplex_of(const std::string &word) {
    return word == "unknown" ? core::duplex_unknown : is(word, "full", "half") ? core::duplex_full : core::duplex_half;
}

OptionList pairs(Words::const_iterator first, Words::const_iterator last) {
    OptionList options;
    for (; first != last; first += 2) {
        if (last - first < 2) {
            throw std::invalid_argument("no value for " + *first);
        }
        options.push_back({*first, first[1] == "\"\"" ? "" : first[1]});
    }
    return options;
}

std::uint8_t state_of(Words::const_iterator first, Words::const_iterator last) {
    std::uint8_t state = 0;
    for (; first != last; ++first) {
        state |= flag_of(*first);
    }
    return state;
}

} // namespace

const std::map<std::string, World::Verb> &World::verbs() {
    static const std::map<std::string, Verb> all{
        {"enslave", {&World::enslave, 1}},       // SLAVE [mac M] [speed N] [duplex D] [carrier up|down] [keeps-mac yes]
        {"release", {&World::release, 1}},       // SLAVE
        {"up", {&World::admin_up, 0}},           // the bond itself
        {"down", {&World::admin_down, 0}},       //
        {"option", {&World::option, 2}},         // [SLAVE] NAME VALUE ..., one request; "" is the empty value
        {"mac", {&World::mac, 1}},               // the user sets the bond's address, or of a slave: SLAVE M
        {"refuse-mac", {&World::refuse_mac, 2}}, // SLAVE does not take the address M
        {"carrier", {&World::carrier, 2}},       // SLAVE up|down [unnoticed], until the monitor looks; or blinks
        {"speed", {&World::speed, 3}},           // SLAVE N|unknown DUPLEX
        {"path", {&World::path, 2}},             // SLAVE open|dead: whether the targets are reached behind it
        {"target", {&World::target, 2}},         // N answers|silent: the N-th of arp_ip_target, from 1
        {"hear", {&World::hear, 1}},             // SLAVE gets a frame that counts
        {"probes", {&World::probes, 1}},         // leave|stay: whether one can be sent
        {"lose", {&World::lose, 1}},             // SLAVE: what it sends gets lost, its carrier stays
        {"pass", {&World::pass, 1}},             // SLAVE: no more
        {"partner", {&World::partner, 1}},       // SLAVE [system M] [priority N] [key N] [port N] [port-priority N]
        {"pdu", {&World::pdu, 1}},               // SLAVE FLAG... [sees FLAG...|sees nobody]: from that partner
        {"marker", {&World::marker, 1}},         // SLAVE gets a marker request
        {"end", {&World::end, 0}},               // the controller ends as it should; then as after "stop"
        {"stop", {&World::stop, 0}},             // the controller is gone, the data path goes on
        {"start", {&World::start, 0}},           // a successor goes on from what was saved
        {"sleep", {&World::sleep, 1}},           // for a time: its machine is suspended
        {"quiet", {&World::quiet, 0}},           // nothing of this bond is told
        {"hide", {&World::hide, 1}},             // MACHINE...: no transitions of these
        {"show", {&World::show, 0}},             // the bond and its slaves as they are
    };
    return all;
}

void World::enslave(Bond &bond, const Words &words) {
    auto facts = device(words[0], next_mac_++);
    for (const auto &[name, value] : pairs(words.begin() + 1, words.end())) {
        if (name == "mac") {
            facts.mac = MacAddr::parse(value).value();
        } else if (name == "speed") {
            facts.speed = speed_of(value);
        } else if (name == "duplex") {
            facts.duplex = duplex_of(value);
        } else if (name == "carrier") {
            facts.carrier = is(value, "up", "down");
        } else if (name == "keeps-mac") {
            facts.can_set_mac = !is(value, "yes", "no");
        } else {
            throw std::invalid_argument("a device has no " + name);
        }
    }
    const auto before = bond.lab.bond.slaves.size();
    try {
        bond.lab.enslave(facts);
    } catch (const std::logic_error &refusal) {
        if (bond.lab.bond.slaves.size() != before) {
            throw;
        }
        say(bond, {now_, std::string("refused: ") + refusal.what()});
    }
}

void World::release(Bond &bond, const Words &words) { bond.lab.release(words[0]); }
void World::admin_up(Bond &bond, const Words &) { bond.lab.handle(core::BondAdmin{true}); }
void World::admin_down(Bond &bond, const Words &) { bond.lab.handle(core::BondAdmin{false}); }

void World::option(Bond &bond, const Words &words) {
    const bool of_slave = words.size() % 2 != 0;
    const auto options = pairs(words.begin() + (of_slave ? 1 : 0), words.end());
    const auto done = of_slave ? bond.lab.ask(words[0], options) : bond.lab.ask(options);
    if (!done) {
        say(bond,
            {now_, std::string("refused, ") + ::strerrorname_np(done.error().code) + ": " + done.error().message});
    }
}

void World::mac(Bond &bond, const Words &words) {
    const MacAddr address = MacAddr::parse(words.back()).value();
    if (words.size() == 1) {
        bond.lab.handle(core::BondMacSet{address});
    } else {
        bond.lab.handle(core::SlaveMacSet{bond.lab.slot(words[0]), address});
    }
}

void World::refuse_mac(Bond &bond, const Words &words) {
    bond.refuses.insert({bond.lab.slave(words[0]).name, MacAddr::parse(words[1]).value()});
}

void World::carrier(Bond &bond, const Words &words) {
    if (words[1] == "blinks") { // it was away for a moment; who looks sees it on
        auto seen = bond.lab.observe();
        std::erase_if(seen.links, [&](const auto &link) { return link.slot != bond.lab.slot(words[0]); });
        seen.links.at(0).lost = true;
        bond.lab.handle(seen);
        return;
    }
    bond.lab.carrier(bond.lab.slave(words[0]).name, is(words[1], "up", "down"));
    if (!bond.stopped && (words.size() < 3 || words[2] != "unnoticed")) {
        observe(bond, words[0]);
    }
}

void World::speed(Bond &bond, const Words &words) {
    bond.lab.speed(bond.lab.slave(words[0]).name, speed_of(words[1]), duplex_of(words[2]));
    observe(bond, words[0]);
}

void World::observe(Bond &bond, const std::string &slave) {
    auto seen = bond.lab.observe();
    std::erase_if(seen.links, [&](const auto &link) { return link.slot != bond.lab.slot(slave); });
    bond.lab.handle(seen);
}

void World::path(Bond &bond, const Words &words) {
    bond.lab.alive(bond.lab.slave(words[0]).name, is(words[1], "open", "dead"));
}

void World::target(Bond &bond, const Words &words) {
    bond.lab.answers(std::stoul(words[0]) - 1, is(words[1], "answers", "silent"));
}

void World::hear(Bond &bond, const Words &words) { bond.lab.hear(bond.lab.slave(words[0]).name); }
void World::probes(Bond &bond, const Words &words) { bond.lab.can_probe(is(words[0], "leave", "stay")); }
void World::lose(Bond &bond, const Words &words) { lost_.insert(bond.name + "." + bond.lab.slave(words[0]).name); }
void World::pass(Bond &bond, const Words &words) { lost_.erase(bond.name + "." + bond.lab.slave(words[0]).name); }

void World::partner(Bond &bond, const Words &words) {
    auto [partner, is_new] = bond.partners.try_emplace(bond.lab.slave(words[0]).name);
    if (is_new) {
        const auto port = static_cast<std::uint16_t>(bond.lab.slot(words[0]) + 1);
        partner->second = {32768, {{0, 0x1c, 0x73, 0, 0, 1}}, 10, 32768, port, 0};
    }
    for (const auto &[name, value] : pairs(words.begin() + 1, words.end())) {
        lacp::PortInfo &info = partner->second;
        if (name == "system") {
            info.system = MacAddr::parse(value).value();
            continue;
        }
        const auto number = static_cast<std::uint16_t>(std::stoul(value));
        const std::map<std::string, std::uint16_t *> fields{{"priority", &info.system_priority},
                                                            {"key", &info.key},
                                                            {"port", &info.port},
                                                            {"port-priority", &info.port_priority}};
        *fields.at(name) = number;
    }
}

void World::pdu(Bond &bond, const Words &words) {
    partner(bond, {words[0]});
    const auto sees = std::find(words.begin(), words.end(), "sees");
    lacp::PortInfo from = bond.partners.at(words[0]);
    from.state = state_of(words.begin() + 1, sees);
    lacp::PortInfo view = bond.lab.bond.lacp.value().port(bond.lab.slot(words[0]))->actor;
    if (sees != words.end() && sees + 1 != words.end() && sees[1] == "nobody") {
        view = {};
    } else if (sees != words.end()) {
        view.state = state_of(sees + 1, words.end());
    }
    receive(bond, words[0], lacp::encode({1, from, view, 0}, from.system));
}

void World::marker(Bond &bond, const Words &words) {
    constexpr std::size_t subtype = 14, tlv = 16; // of the frame
    partner(bond, {words[0]});
    auto frame = lacp::encode({1, bond.partners.at(words[0]), {}, 0}, bond.partners.at(words[0]).system);
    frame[subtype] = 2; // a marker PDU has the length of an LACPDU
    frame[tlv] = 1;
    receive(bond, words[0], std::move(frame));
}

void World::stop(Bond &bond, const Words &) { bond.stopped = true; }
void World::end(Bond &bond, const Words &words) {
    bond.lab.handle(core::ControllerEnds{});
    stop(bond, words);
}

// In the daemon's order: LACP first, then how things are now.
void World::start(Bond &bond, const Words &) {
    Lab &lab = bond.lab;
    const auto lacp = lab.bond.lacp ? std::optional(lab.bond.lacp->save()) : std::nullopt;
    lab.bond = core::restore(core::save(lab.bond), lab.bond.mtu, lab.now);
    bond.stopped = false;
    if (lacp) {
        if (const auto done = core::restore_lacp(lab.bond, *lacp, lab.now); !done) {
            throw std::logic_error(done.error().message);
        }
        lab.handle(core::SlowFrames{});
    }
    lab.handle(lab.observe());
}

// As after "stop", but its clock stands still, and the controller is the same.
void World::sleep(Bond &bond, const Words &words) {
    bond.stopped = true;
    const Time from = now_;
    walk(now_ + length_of(words[0]));
    bond.slept += now_ - from;
    bond.stopped = false;
    bond.lab.now = clock(bond);
    bond.lab.handle(bond.lab.observe());
    settle();
    bond.lab.handle(core::Resumed{now_ - from});
}

void World::quiet(Bond &bond, const Words &) { bond.quiet = true; }
void World::hide(Bond &, const Words &words) { hidden_.insert(words.begin(), words.end()); }

void World::show(Bond &bond, const Words &) {
    const BondState &state = bond.lab.bond;
    const std::string active = bond.lab.active();
    say(bond, {now_, std::string("carrier ") + (state.carrier ? "on" : "off") +
                         (state.lacp ? "" : ", active " + (active.empty() ? "none" : active))});
    for (const core::Slave &slave : state.slaves) {
        say(bond, {now_, summary(state, slave)});
    }
}

} // namespace xbond::test::scenario
