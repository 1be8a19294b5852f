// SPDX-License-Identifier: MIT
// Stanzas of interfaces(5) as bonds.
#include <algorithm>
#include <array>
#include <span>

#include "user/core/options/text.h"
#include "user/import/driver.h"
#include "user/import/interfaces.h"
#include "user/import/script.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

struct Key {
    std::string_view key, option;
};
// What Debian's ifenslave hands to the driver, in its order. primary and primary_reselect come after the slaves.
constexpr std::array ifenslave_keys{Key{"bond-fail-over-mac", "fail_over_mac"},
                                    Key{"bond-use-carrier", "use_carrier"},
                                    Key{"bond-num-grat-arp", "num_grat_arp"},
                                    Key{"bond-num-unsol-na", "num_unsol_na"},
                                    Key{"bond-arp-ip-target", "arp_ip_target"},
                                    Key{"bond-arp-interval", "arp_interval"},
                                    Key{"bond-miimon", "miimon"},
                                    Key{"bond-downdelay", "downdelay"},
                                    Key{"bond-updelay", "updelay"},
                                    Key{"bond-ad-select", "ad_select"},
                                    Key{"bond-mode", "mode"},
                                    Key{"bond-xmit-hash-policy", "xmit_hash_policy"},
                                    Key{"bond-tlb-dynamic-lb", "tlb_dynamic_lb"},
                                    Key{"bond-packets-per-slave", "packets_per_slave"},
                                    Key{"bond-arp-validate", "arp_validate"},
                                    Key{"bond-lacp-rate", "lacp_rate"},
                                    Key{"bond-primary", "primary"},
                                    Key{"bond-primary-reselect", "primary_reselect"}};
// Older names of ifupdown2, and ifupdown-ng's; the others are "bond-" and the option.
constexpr std::array other_keys{Key{"bond-ad-sys-priority", "ad_actor_sys_prio"},
                                Key{"bond-ad-sys-mac-addr", "ad_actor_system"},
                                Key{"bond-ad-actor-sys-prio", "ad_actor_sys_prio"}};
// Said of an interface by ifupdown, and no business of xbond's.

bool is_quiet(std::string_view key) {
    return is_one_of(key, {"alias", "description", "use", "requires", "bond-give-a-chance", "auto"});
}
bool is_hook(std::string_view key) {
    return is_one_of(key, {"up", "down", "pre-up", "post-up", "pre-down", "post-down"});
}
bool is_slave_list(std::string_view key) {
    return is_one_of(key, {"bond-slaves", "slaves", "bond-ports", "bond-members"});
}

class Ifupdown {
public:
    Ifupdown(const Machine &machine, Interfaces stanzas) : machine_(machine), all_(std::move(stanzas)) {}

    Result<Draft> read() {
        XB_TRY_VOID(hooks());
        for (const auto &stanza : all_.stanzas) {
            XB_TRY_VOID(declare(stanza));
        }
        for (const auto &stanza : all_.stanzas) {
            slave_of(stanza);
        }
        for (auto &bond : draft_.bonds) {
            XB_TRY_VOID(settings(bond));
        }
        for (const auto &stanza : all_.stanzas) {
            XB_TRY_VOID(rest(stanza));
        }
        return std::move(draft_);
    }

private:
    bool classic() const { return all_.dialect == Dialect::ifenslave; }

    // Hooks come first: a stanza may be a bond by them alone. `modprobe bonding` in one counts for its stanza.
    Result<void> hooks() {
        for (const auto &stanza : all_.stanzas) {
            for (const auto &option : stanza.options) {
                if (!is_hook(option.key)) {
                    continue;
                }
                XB_TRY(understood, read_commands(option.value, option.at, draft_));
                understood_.push_back(*understood);
                if (auto *loaded = draft_.find("")) {
                    auto parameters = std::move(loaded->module);
                    std::erase_if(draft_.bonds, [](const Bond &b) { return b.name.empty(); });
                    auto &to = draft_.bond(stanza.name, stanza.at).module;
                    to.insert(to.end(), parameters.begin(), parameters.end());
                }
            }
        }
        return {};
    }

    Result<void> declare(const Stanza &stanza) {
        const bool declares =
            stanza.find("bond-master") == nullptr && std::ranges::any_of(stanza.options, [&](const StanzaOption &o) {
                return is_slave_list(o.key) || o.key == "bond-mode" || (!classic() && o.key.starts_with("bond-"));
            });
        const bool named = std::ranges::find(machine_.bonds, stanza.name) != machine_.bonds.end();
        if (!declares && !named) {
            return {};
        }
        if (!is_interface_name(stanza.name)) {
            return refuse(stanza.at, core::quoted(stanza.name) + " is no name of an interface");
        }
        auto &bond = draft_.bond(stanza.name, stanza.at);
        for (const auto &option : stanza.options) {
            if (is_slave_list(option.key)) {
                XB_TRY_VOID(slave_list(option, bond));
            }
        }
        return {};
    }

    Result<void> slave_list(const StanzaOption &option, Bond &bond) {
        auto names = words(option.value);
        bool glob = false;
        for (const auto &word : names) {
            SlaveRef slave;
            if (word == "none") {
                continue;
            }
            if (word == "all") {
                slave.match = "eth*"; // those that are there, says ifenslave
            } else if (word == "glob" && !classic()) {
                glob = true;
                continue;
            } else if (word == "regex" && !classic()) {
                return refuse(option.at, option.word + ": a regular expression has no equal; name the slaves");
            } else if (glob) {
                XB_TRY_VOID(range(word, option, bond));
                continue;
            } else if (is_interface_name(word)) {
                slave.name = word;
            } else {
                draft_.note(option.at,
                            option.word + ": " + core::quoted(word) + " is no name of an interface, left out");
                continue;
            }
            add_slave(bond, slave);
        }
        return {};
    }

    // swp49-50, swp[1-4], with more behind the numbers or not.
    static Result<void> range(const std::string &word, const StanzaOption &option, Bond &bond) {
        std::string_view rest = word;
        const auto dash = rest.find('-', rest.find_first_of("0123456789"));
        auto begin = dash == std::string_view::npos ? dash : rest.substr(0, dash).find_last_not_of("0123456789") + 1;
        SlaveRef slave;
        if (dash == std::string_view::npos || begin == dash) {
            slave.name = word;
            add_slave(bond, slave);
            return {};
        }
        const auto end = std::min(rest.size(), rest.find_first_not_of("0123456789", dash + 1));
        const auto first = whole_number(rest.substr(begin, dash - begin)),
                   last = whole_number(rest.substr(dash + 1, end - dash - 1));
        const bool brackets = begin > 0 && rest[begin - 1] == '[' && end < rest.size() && rest[end] == ']';
        const auto prefix = std::string(rest.substr(0, begin - (brackets ? 1 : 0)));
        const auto suffix = std::string(rest.substr(end + (brackets ? 1 : 0)));
        if (!first || !last || *last < *first || *last - *first >= 64) {
            return refuse(option.at, option.word + ": bad range " + core::quoted(word));
        }
        for (auto i = *first; i <= *last; ++i) {
            slave.name = prefix + std::to_string(i) + suffix;
            add_slave(bond, slave);
        }
        return {};
    }

    // bond-master in the stanza of a slave.
    void slave_of(const Stanza &stanza) {
        const auto *master = stanza.find("bond-master");
        if (master == nullptr || !is_interface_name(master->value) || !is_interface_name(stanza.name)) {
            return;
        }
        if (draft_.find(master->value) == nullptr && classic()) {
            const bool there =
                std::ranges::any_of(all_.stanzas, [&](const Stanza &s) { return s.name == master->value; });
            if (!there) {
                return draft_.note(master->at, "bond-master: no stanza is there for " + master->value + ", left out");
            }
        }
        auto &bond = draft_.bond(master->value, master->at);
        SlaveRef slave;
        slave.name = stanza.name;
        add_slave(bond, slave);
    }

    Result<void> settings(Bond &bond) {
        std::vector<const StanzaOption *> given;
        for (const auto &stanza : all_.stanzas) {
            const auto *master = stanza.find("bond-master");
            for (const auto &option : stanza.options) {
                const bool of_slave = master != nullptr && master->value == bond.name &&
                                      is_one_of(option.key, {"bond-primary", "bond-primary-reselect"});
                if ((stanza.name == bond.name || of_slave) && option.key.starts_with("bond-") &&
                    !is_slave_list(option.key)) {
                    given.push_back(&option);
                }
            }
        }
        classic() ? by_ifenslave(bond, given) : by_name(bond, given);
        return {};
    }

    void by_ifenslave(Bond &bond, std::span<const StanzaOption *const> given) {
        for (const auto &[key, option] : ifenslave_keys) {
            for (const auto *one : given) {
                if (one->key == key) {
                    set(bond, option, *one);
                }
            }
        }
    }

    // Netlink's order, the mode first: by then everything else is known.
    void by_name(Bond &bond, std::span<const StanzaOption *const> given) {
        for (const auto *one : given) {
            if (const auto name = option_name(one->key); !name.empty()) {
                set(bond, name, *one);
            }
        }
        in_option_order(bond.settings);
    }

    static std::string option_name(std::string_view key) {
        const auto *found = std::ranges::find(other_keys, key, &Key::key);
        if (found != other_keys.end()) {
            return std::string(found->option);
        }
        std::string name(key.substr(std::min<std::size_t>(key.size(), 5)));
        std::ranges::replace(name, '-', '_');
        return core::find_option(name) == nullptr || name == "active_slave" || name == "queue_id" ? "" : name;
    }

    void set(Bond &bond, std::string_view option, const StanzaOption &one) {
        auto value = one.value;
        if (option == "primary") {
            value = first_slave(bond, value);
            if (value.empty()) {
                return draft_.note(one.at, one.word + ": none of these is a slave, left out");
            }
        } else if (option == "arp_ip_target") {
            for (auto &target : words(value, " \t,")) {
                bond.settings.push_back(
                    {std::string(option), target.starts_with('+') ? target : "+" + target, one.at, one.word});
            }
            return;
        } else if (!classic()) {
            const auto flag = is_one_of(option, {"use_carrier", "all_slaves_active", "tlb_dynamic_lb", "lacp_active"})
                                  ? yes_or_no(value)
                                  : std::nullopt;
            value = flag ? (*flag ? "1" : "0") : value;
        }
        bond.settings.push_back({std::string(option), value, one.at, one.word});
    }

    // bond-primary lists candidates: the first that is enslaved.
    static std::string first_slave(const Bond &bond, const std::string &candidates) {
        for (const auto &name : words(candidates)) {
            if (std::ranges::any_of(bond.slaves, [&](const SlaveRef &s) {
                    return s.name == name || (!s.match.empty() && glob_fits(s.match, name));
                })) {
                return name;
            }
        }
        return "";
    }

    // What of a stanza is not the bond's options.
    Result<void> rest(const Stanza &stanza) {
        auto *bond = draft_.find(stanza.name);
        if (bond == nullptr) {
            around(stanza);
            next_hook_ += static_cast<std::size_t>(
                std::ranges::count_if(stanza.options, [](const auto &o) { return is_hook(o.key); }));
            return {};
        }
        if (is_one_of(stanza.method, {"dhcp", "bootp", "auto", "ppp", "tunnel"})) {
            draft_.note(stanza.at, stanza.method + ": not carried, stays with ifupdown");
        }
        for (const auto &option : stanza.options) {
            if (option.key == "mtu") {
                const auto mtu = whole_number(option.value);
                if (mtu && *mtu >= 68 && *mtu <= 65535) {
                    bond->mtu = static_cast<std::uint32_t>(*mtu);
                    continue;
                }
            } else if (option.key == "hwaddress" || option.key == "hw-mac-address") {
                const auto parts = words(option.value);
                if (const auto mac = mac_text(parts.back())) {
                    bond->address = *mac;
                    continue;
                }
            }
            if (is_hook(option.key)) {
                if (!understood_.at(next_hook_++)) {
                    draft_.note(option.at, option.word + ": not carried, stays with ifupdown");
                }
            } else if (!is_quiet(option.key) && !is_slave_list(option.key) && !is_taken(option)) {
                draft_.note(option.at, option.word + ": not carried" +
                                           (option.key.starts_with("bond-") ? "" : ", stays with ifupdown"));
            }
        }
        return {};
    }

    bool is_taken(const StanzaOption &option) const {
        return option.key == "mtu" ? false
               : classic()         ? std::ranges::find(ifenslave_keys, option.key, &Key::key) != ifenslave_keys.end()
                                   : option.key.starts_with("bond-") && !option_name(option.key).empty();
    }

    // VLANs on a bond, bridges with one in them.
    void around(const Stanza &stanza) {
        const auto parent = stanza.name.substr(0, stanza.name.find('.'));
        if (const auto colon = stanza.name.find(':');
            colon != std::string::npos && draft_.find(stanza.name.substr(0, colon)) != nullptr) {
            for (const auto &option : stanza.options) { // a second address
                draft_.note(option.at, option.word + ": not carried, stays with ifupdown");
            }
        }
        const auto *raw = stanza.find("vlan-raw-device");
        if (raw != nullptr && draft_.find(raw->value) != nullptr) {
            draft_.note(raw->at, raw->word + ": VLAN " + core::quoted(stanza.name) + " on the bond is not carried");
        } else if (parent.size() < stanza.name.size() && draft_.find(parent) != nullptr) {
            draft_.note(stanza.at, "VLAN " + core::quoted(stanza.name) + " on the bond is not carried");
        }
        for (const auto &option : stanza.options) {
            const auto ports = words(option.value);
            const bool has_bond = std::ranges::any_of(ports, [&](const std::string &p) {
                return draft_.find(p) != nullptr || draft_.find(p.substr(0, p.find('.'))) != nullptr;
            });
            if (is_one_of(option.key, {"bridge-ports", "ovs-ports", "vrf-slaves"}) && has_bond) {
                draft_.note(option.at, option.word + ": bridge " + core::quoted(stanza.name) +
                                           " with the bond in it is not carried");
            } else if (option.key == "vrf" && draft_.find(stanza.name) != nullptr) {
                draft_.note(option.at, "vrf: not carried");
            }
        }
    }

    const Machine &machine_;
    Interfaces all_;
    std::vector<bool> understood_; // a hook each, in the order of the files
    std::size_t next_hook_ = 0;
    Draft draft_;
};

} // namespace

Result<Draft> read_interfaces(const Machine &machine) {
    XB_TRY(stanzas, parse_interfaces(machine.files));
    return Ifupdown(machine, std::move(*stanzas)).read();
}

} // namespace xbond::import
