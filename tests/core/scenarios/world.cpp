// SPDX-License-Identifier: MIT
#include "tests/core/scenarios/world.h"

#include <stdexcept>
#include <utility>

namespace xbond::test::scenario {
namespace {

constexpr Time lab_start = Ms(1000); // of Lab's clock

std::string end_of(const Bond &bond, const std::string &slave) { return bond.name + "." + slave; }

} // namespace

Time length_of(const std::string &text) {
    std::size_t end = 0;
    const auto value = std::stoll(text, &end);
    const std::string unit = text.substr(end);
    if (value < 0 || (unit != "ms" && unit != "s")) {
        throw std::invalid_argument("no time: " + text + " (300ms, 60s)");
    }
    return unit == "s" ? Time(std::chrono::seconds(value)) : Time(Ms(value));
}

void World::run(const Command &command) {
    Words words = command.words;
    std::vector<Bond *> whom;
    if (words.front().ends_with(":")) {
        whom.push_back(&find(words.front().substr(0, words.front().size() - 1)));
        words.erase(words.begin());
    } else {
        for (const auto &bond : bonds_) {
            whom.push_back(bond.get());
        }
    }
    const std::string verb = words.empty() ? "" : words.front();
    words.erase(words.begin(), words.begin() + (words.empty() ? 0 : 1));
    if (verb == "bond") {
        make_bond(std::move(words));
    } else if (verb == "cable") {
        cable(words);
    } else if (verb == "forget") { // what led here is not what the scenario is about
        told_.clear();
    } else if (verb == "wait") {
        walk(now_ + length_of(words.at(0)));
    } else if (verb == "at") {
        walk(length_of(words.at(0)));
    } else {
        const auto found = verbs().find(verb);
        if (found == verbs().end()) {
            throw std::invalid_argument("no such command: " + verb);
        }
        if (words.size() < found->second.fewest) {
            throw std::invalid_argument(verb + " needs " + std::to_string(found->second.fewest) + " words");
        }
        for (Bond *bond : whom) {
            (this->*found->second.handle)(*bond, words);
            settle();
        }
    }
}

Lines World::take() { return render(std::exchange(told_, {})); }

void World::make_bond(Words words) {
    std::string name = "bond0";
    if (words.size() % 2 != 0) {
        name = words.front();
        words.erase(words.begin());
    }
    OptionList options;
    std::optional<MacAddr> mac; // that the user gives it
    for (std::size_t i = 0; i < words.size(); i += 2) {
        if (words[i] == "mac") {
            mac = MacAddr::parse(words[i + 1]).value();
        } else {
            options.push_back({words[i], words[i + 1]});
        }
    }
    bonds_.push_back(std::make_unique<Bond>(name, options, !mac));
    Bond &bond = *bonds_.back();
    bond.lab.now = clock(bond);
    bond.lab.bond.name = name;
    bond.lab.bond.mac = mac.value_or(bond.lab.bond.mac);
    bond.lab.handle(core::BondAdmin{true});
    bond.lab.forget();
    bond.teller = Teller(bond.lab.bond);
}

// Between two ends, which need not be there yet; one alone hears itself.
void World::cable(const Words &words) {
    find(words.at(0).substr(0, words[0].find('.')));
    find(words.at(1).substr(0, words[1].find('.')));
    cables_[words[0]] = words[1];
    cables_[words[1]] = words[0];
}

Bond &World::find(const std::string &name) {
    for (const auto &bond : bonds_) {
        if (bond->name == name) {
            return *bond;
        }
    }
    throw std::invalid_argument("no bond " + name);
}

void World::walk(Time until) {
    if (until < now_) {
        throw std::invalid_argument("time does not go back");
    }
    constexpr int too_many = 1000; // deadlines at one instant
    for (int at_once = 0;;) {
        std::optional<Time> next;
        for (const auto &bond : bonds_) {
            const auto due = bond->stopped ? std::nullopt : core::deadline(bond->lab.bond);
            const auto when = due ? std::optional(time_of(*bond, *due)) : std::nullopt;
            next = when && (!next || *when < *next) ? when : next;
        }
        if (!next || *next > until) {
            break;
        }
        at_once = *next > now_ ? 0 : at_once + 1;
        if (at_once > too_many) {
            throw std::logic_error("a deadline that does not pass");
        }
        now_ = std::max(now_, *next);
        for (const auto &bond : bonds_) {
            serve(*bond);
        }
    }
    now_ = until;
    for (const auto &bond : bonds_) {
        bond->lab.now = clock(*bond);
    }
}

Time World::clock(const Bond &bond) const { return lab_start + now_ - bond.slept; }
Time World::time_of(const Bond &bond, Time when) const { return when - lab_start + bond.slept; }

// In the daemon's order: what waits on the slow channels counts before any deadline does.
void World::serve(Bond &bond) {
    Lab &lab = bond.lab;
    lab.now = clock(bond);
    if (bond.stopped) {
        return;
    }
    if (core::lacp_due(lab.bond, lab.now)) {
        lab.handle(core::SlowFrames{std::exchange(bond.inbox, {}), true});
        settle();
    }
    if (core::links_due(lab.bond, lab.now) || core::balance_due(lab.bond, lab.now)) {
        lab.handle(lab.observe());
        settle();
        if (core::balance_due(lab.bond, lab.now)) {
            lab.handle(core::BalanceObserved{lab.table, lab.vlan_ids});
            settle();
        }
    }
}

void World::settle() {
    bool quiet = false;
    while (!quiet) {
        quiet = true;
        for (const auto &bond : bonds_) {
            bond->lab.now = clock(*bond);
            quiet = !drain(*bond) && quiet;
        }
        for (const auto &bond : bonds_) {
            if (!bond->inbox.empty()) {
                bond->lab.handle(core::SlowFrames{std::exchange(bond->inbox, {})});
                quiet = false;
            }
        }
    }
}

bool World::drain(Bond &bond) {
    bond.teller.know(bond.lab.bond);
    std::optional<core::SetSlaveMac> refused;
    for (const auto &[when, effect] : std::exchange(bond.lab.log, {})) {
        const auto *mac = std::get_if<core::SetSlaveMac>(&effect);
        const bool is_mac = mac != nullptr || std::holds_alternative<core::SetBondMac>(effect);
        if (tell(bond, effect, time_of(bond, when)) && is_mac) {
            if (refused) {
                told_.back().text += " - not tried";
            } else if (mac != nullptr && bond.refuses.count({bond.teller.name(mac->slot), mac->mac}) != 0) {
                told_.back().text += " - refused";
                refused = *mac;
            }
        }
        if (const auto *frame = std::get_if<core::SendSlow>(&effect)) {
            send(bond, *frame);
        }
    }
    if (refused) {
        bond.lab.handle(core::MacRefused{*refused});
    }
    return refused.has_value();
}

bool World::tell(Bond &bond, const core::Effect &effect, Time when) {
    auto told = bond.teller.tell(effect, when); // also where nobody listens: it knows what is new then
    const auto *transition = std::get_if<core::Transition>(&effect);
    if (!told || (transition != nullptr && hidden_.count(transition->machine) != 0)) {
        return false;
    }
    say(bond, std::move(*told));
    return !bond.quiet;
}

void World::say(const Bond &bond, Told told) {
    if (bond.quiet) {
        return;
    }
    if (bonds_.size() > 1) {
        told.text = bond.name + "  " + told.text;
    }
    told_.push_back(std::move(told));
}

void World::send(Bond &bond, const core::SendSlow &frame) {
    const std::string from = end_of(bond, bond.teller.name(frame.slot));
    const auto to = cables_.find(from);
    const std::string slave = bond.teller.name(frame.slot);
    if (to != cables_.end() && lost_.count(from) == 0 && bond.lab.has_carrier(slave)) {
        const auto dot = to->second.find('.');
        receive(find(to->second.substr(0, dot)), to->second.substr(dot + 1), frame.bytes);
    }
}

void World::receive(Bond &bond, const std::string &slave, wire::Frame bytes) {
    const core::Slave *there = core::find_slave(bond.lab.bond, std::string_view(slave));
    if (there != nullptr && bond.lab.has_carrier(slave) && !bond.stopped) {
        bond.inbox.push_back({there->slot, std::move(bytes), clock(bond)});
    }
}

std::vector<Lines> play(const File &file) {
    World world;
    std::vector<Lines> outputs;
    for (const Block &block : file.blocks) {
        for (const Command &command : block.commands) {
            try {
                world.run(command);
            } catch (const std::exception &error) {
                throw std::invalid_argument("line " + std::to_string(command.line) + ": " + error.what());
            }
        }
        outputs.push_back(world.take());
    }
    return outputs;
}

} // namespace xbond::test::scenario
