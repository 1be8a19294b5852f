// SPDX-License-Identifier: MIT
#include "tests/core/scenarios/story.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <stdexcept>

namespace xbond::test::scenario {
namespace {

constexpr std::array<const char *, 8> flag_words{"ACT", "FAST", "AGG", "SYN", "COL", "DIS", "DEF", "EXP"};

std::string joined(const Lines &parts, const std::string &between) {
    std::string text;
    for (const std::string &part : parts) {
        text += (text.empty() ? "" : between) + part;
    }
    return text;
}

std::string or_none(const std::string &text) { return text.empty() ? "none" : text; }

std::string number(std::uint32_t value) { return std::to_string(value); }

// Who a PDU is from, or about: that of which `before` is not true any more, then its state.
std::string end_of_link(const lacp::PortInfo &end, const lacp::PortInfo &before) {
    if (end.system.is_zero()) {
        return "nobody";
    }
    std::string text;
    const auto add = [&](bool differs, const std::string &what, const std::string &value) {
        text += differs ? what + " " + value + " " : "";
    };
    add(end.system != before.system, "system", end.system.str());
    add(end.system_priority != before.system_priority, "priority", number(end.system_priority));
    add(end.key != before.key, "key", number(end.key));
    add(end.port != before.port, "port", number(end.port));
    add(end.port_priority != before.port_priority, "port priority", number(end.port_priority));
    return text + flags(end.state);
}

template <typename Field> bool differs(const core::Desired &a, const core::Desired &b, Field field) {
    return std::ranges::any_of(a.slaves, [&](const auto &slave) {
        const auto other = std::ranges::find(b.slaves, slave.slot, &core::DesiredSlave::slot);
        return other != b.slaves.end() && slave.*field != (*other).*field;
    });
}

} // namespace

std::string flags(std::uint8_t state) {
    Lines words;
    for (std::size_t bit = 0; bit < flag_words.size(); ++bit) {
        if ((state & (1U << bit)) != 0) {
            words.emplace_back(flag_words[bit]);
        }
    }
    return words.empty() ? "-" : joined(words, " ");
}

std::uint8_t flag_of(const std::string &word) {
    const auto found = std::ranges::find(flag_words, word);
    if (found == flag_words.end()) {
        throw std::invalid_argument("no flag of LACP: " + word);
    }
    return static_cast<std::uint8_t>(1U << (found - flag_words.begin()));
}

Lines render(const std::vector<Told> &all) {
    Lines lines;
    Time last{-1};
    const auto add = [&](Time when, const std::string &text) {
        const std::string time = when == last ? "" : std::to_string(when / Ms(1));
        lines.push_back(std::string(7 - std::min<std::size_t>(7, time.size()), ' ') + time + " " + text);
        last = when;
    };
    for (std::size_t i = 0; i < all.size();) {
        if (!all[i].repeats) {
            add(all[i].when, all[i].text);
            ++i;
            continue;
        }
        std::vector<std::pair<const Told *, std::vector<Time>>> run; // a text, and when
        for (; i < all.size() && all[i].repeats; ++i) {
            auto same = std::ranges::find_if(run, [&](const auto &entry) { return entry.first->text == all[i].text; });
            same = same == run.end() ? run.insert(same, {&all[i], {}}) : same;
            same->second.push_back(all[i].when);
        }
        for (const auto &[first, times] : run) {
            const std::string until = std::to_string(times.back() / Ms(1));
            add(first->when,
                first->text +
                    (times.size() == 1 ? "" : ", " + std::to_string(times.size()) + " times, the last at " + until));
        }
    }
    return lines;
}

void Teller::know(const core::BondState &bond) {
    for (const core::Slave &slave : bond.slaves) {
        names_[slave.slot] = slave.name;
    }
}

std::string Teller::slots(const std::vector<SlotId> &slots) const {
    Lines names;
    for (const SlotId slot : slots) {
        names.push_back(slot == no_slot ? "-" : name(slot));
    }
    return names.empty() ? "nothing" : joined(names, " ");
}

// What hardly anybody reads a scenario for is told if there is nothing else to tell.
std::string Teller::details(const core::Desired &next, bool all) const {
    using core::DesiredSlave;
    Lines words;
    const auto add = [&](bool changed, const char *word) {
        if (changed) {
            words.emplace_back(word);
        }
    };
    add(differs(next, tables_, &DesiredSlave::mac), "slave addresses");
    add(differs(next, tables_, &DesiredSlave::queue_id), "queues");
    if (all && words.empty()) {
        add(differs(next, tables_, &DesiredSlave::backup), "backup flags");
        add(differs(next, tables_, &DesiredSlave::carries_lists), "lists");
        add(differs(next, tables_, &DesiredSlave::speed), "speeds");
        add(next.monitor != tables_.monitor, "rules of the ARP monitor");
        add(words.empty(), "options");
    }
    return joined(words, ", ");
}

// What counts for the ARP/NS monitor; "+NS" where a slave listens for the solicitations of another, too.
std::string Teller::heard(const core::Desired &of) const {
    constexpr std::array<const char *, 4> words{"nothing", "any", "ARP", "valid"};
    Lines names;
    for (const auto &slave : of.slaves) {
        names.push_back(name(slave.slot) + " " + words.at(static_cast<std::size_t>(slave.hear)) +
                        (slave.ns_joins.empty() ? "" : "+NS"));
    }
    return of.monitor.on ? "counts " + joined(names, ", ") : "counts nothing";
}

std::string Teller::tables(const core::Desired &next) {
    Lines parts;
    const auto part = [&](const core::Desired &of, auto &&text) {
        const std::string now = text(of);
        return now == text(tables_) ? std::string() : now;
    };
    const auto add = [&](auto &&text) {
        if (std::string now = part(next, text); !now.empty()) {
            parts.push_back(std::move(now));
        }
    };
    add([&](const core::Desired &of) {
        std::vector<SlotId> all;
        std::ranges::transform(of.slaves, std::back_inserter(all), &core::DesiredSlave::slot);
        return "slaves " + slots(all);
    });
    add([&](const core::Desired &of) { return "send on " + slots(of.pick); });
    add([&](const core::Desired &of) {
        Lines names;
        for (const auto &slave : of.slaves) {
            if (!slave.suppress) {
                names.push_back(name(slave.slot) + (slave.suppress_flood ? " (no floods)" : ""));
            }
        }
        return "receive on " + (names.empty() ? "nothing" : joined(names, " "));
    });
    add([&](const core::Desired &of) { return "active " + (of.active == no_slot ? "none" : name(of.active)); });
    add([&](const core::Desired &of) {
        Lines chain;
        for (const auto &slave : of.slaves) {
            if (slave.fallback != no_slot) {
                chain.push_back(name(slave.slot) + ">" + name(slave.fallback));
            }
        }
        return "fallback " + or_none(joined(chain, " "));
    });
    add([&](const core::Desired &of) { return heard(of); });
    add([&](const core::Desired &of) { return std::string("carrier ") + (of.carrier ? "on" : "off"); });
    add([&](const core::Desired &of) { return "bond address " + of.bond_mac.str(); });
    if (std::string rest = details(next, parts.empty()); !rest.empty()) {
        parts.push_back(std::move(rest));
    }
    tables_ = next;
    return joined(parts, "; ");
}

std::optional<Told> Teller::frame(const core::SendSlow &send, Time when) {
    if (send.is_marker) {
        return Told{when, "marker response on " + name(send.slot)};
    }
    const auto pdu = lacp::classify(send.bytes, {}).pdu;
    const auto [known, first] = pdus_.try_emplace(send.slot);
    if (!first && known->second == pdu) {
        return Told{when, "PDU on " + name(send.slot) + " unchanged", true};
    }
    const std::string text = "PDU on " + name(send.slot) + ": " + end_of_link(pdu.actor, known->second.actor) +
                             "; sees " + end_of_link(pdu.partner, known->second.partner);
    known->second = pdu;
    return Told{when, text};
}

std::optional<Told> Teller::tell(const core::Effect &effect, Time when) {
    if (const auto *publish = std::get_if<core::Publish>(&effect)) {
        const bool same = publish->desired == tables_; // the first of a successor
        return Told{when, "tables: " + (same ? "as they were" : tables(publish->desired))};
    }
    if (const auto *t = std::get_if<core::Transition>(&effect)) {
        return Told{when, t->machine + (t->slave.empty() ? "" : " " + t->slave) + ": " + or_none(t->from) + " -> " +
                              or_none(t->to) + " (" + t->cause + ")"};
    }
    if (const auto *set = std::get_if<core::SetSlaveMac>(&effect)) {
        return Told{when, "set address of " + name(set->slot) + " to " + set->mac.str()};
    }
    if (const auto *set = std::get_if<core::SetBondMac>(&effect)) {
        return Told{when, "set address of the bond to " + set->mac.str()};
    }
    if (const auto *announce = std::get_if<core::Announce>(&effect)) {
        return Told{when, "announce on " + name(announce->slot)};
    }
    if (const auto *probes = std::get_if<core::SendProbes>(&effect)) {
        return Told{when, "probe on " + name(probes->slot), true};
    }
    if (std::holds_alternative<core::RejoinMulticast>(effect)) {
        return Told{when, "re-join multicast groups"};
    }
    if (const auto *send = std::get_if<core::SendSlow>(&effect)) {
        return frame(*send, when);
    }
    if (const auto *log = std::get_if<core::Log>(&effect)) {
        return Told{when, "log: " + log->message};
    }
    return std::nullopt; // of balance-tlb and balance-alb, which have no scenarios
}

std::string summary(const core::BondState &bond, const core::Slave &slave) {
    std::string text = slave.name + ": link " + std::string(core::link_text(slave.link)) + ", " +
                       (slave.backup ? "backup" : "active") + ", failures " + std::to_string(slave.failures);
    const auto *port = bond.lacp ? bond.lacp->port(slave.slot) : nullptr;
    if (port != nullptr) {
        text = slave.name + ": " + std::string(lacp::name(port->rx)) + ", " + std::string(lacp::name(port->mux)) +
               ", " + std::string(lacp::name(port->selected)) + " in aggregator " + std::to_string(port->aggregator) +
               (bond.lacp->active_aggregator() == bond.lacp->aggregator(port->aggregator) ? " (active)" : "") +
               ", churn " + std::string(lacp::name(port->actor_churn)) + "/" +
               std::string(lacp::name(port->partner_churn));
    }
    return text;
}

} // namespace xbond::test::scenario
