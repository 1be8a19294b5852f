// SPDX-License-Identifier: MIT
#include "user/daemon/saved/saved_options.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace xbond::daemon {
namespace {

using json = nlohmann::json;
using core::NumberMember;
using core::OptionRow;
using core::Options;

// The members as they are, not as option text: a value may be one that the present mode would refuse
// (packets_per_slave kept from mode 0), and delays are ticks that no longer show in milliseconds when miimon is 0.
struct Save {
    const Options &options;

    json operator()(std::monostate) const { return nullptr; }
    json operator()(const NumberMember &member) const { return member.get(options); }
    json operator()(bool Options::*member) const { return options.*member; }
    json operator()(std::string Options::*member) const { return options.*member; }
    json operator()(MacAddr Options::*member) const { return (options.*member).str(); }
    template <typename Addr> json operator()(std::vector<Addr> Options::*member) const {
        json list = json::array();
        for (const Addr &address : options.*member) {
            list.push_back(json(address)); // its bytes
        }
        return list;
    }
};

struct Load {
    Options &options;
    const OptionRow &row;
    const json &value;

    void operator()(std::monostate) const {}
    void operator()(const NumberMember &member) const {
        const auto number = value.get<std::int64_t>();
        const auto narrow = static_cast<std::uint32_t>(number);
        const bool good = member.is_enum ? !core::word_of(row.words, narrow).empty() : narrow <= member.last;
        if (!good || narrow != number) {
            refuse("out of range");
        }
        member.set(options, narrow);
    }
    void operator()(bool Options::*member) const { options.*member = value.get<bool>(); }
    void operator()(std::string Options::*member) const { options.*member = value.get<std::string>(); }
    void operator()(MacAddr Options::*member) const {
        const auto mac = MacAddr::parse(value.get_ref<const std::string &>());
        if (!mac) {
            refuse("not a MAC address");
        }
        options.*member = *mac;
    }
    template <typename Addr> void operator()(std::vector<Addr> Options::*member) const {
        if (value.size() > XB_MAX_TARGETS) {
            refuse("too many targets");
        }
        auto &addresses = options.*member;
        addresses.clear();
        for (const auto &bytes : value) {
            addresses.push_back(bytes.get<Addr>());
        }
    }

    [[noreturn]] void refuse(const char *why) const {
        throw std::invalid_argument(std::string(row.storage.saved) + ": " + why + ": " + value.dump());
    }
};

} // namespace

json saved_options(const Options &options, std::span<const OptionRow> table) {
    json out = json::object();
    for (const OptionRow &row : table) {
        if (!row.storage.saved.empty()) {
            out[std::string(row.storage.saved)] = std::visit(Save{options}, row.storage.member);
        }
    }
    return out;
}

Options options_of(const json &saved, std::span<const OptionRow> table) {
    Options options;
    for (const OptionRow &row : table) {
        const std::string key(row.storage.saved);
        if (!key.empty() && (saved.contains(key) || !row.storage.younger)) {
            std::visit(Load{options, row, saved.at(key)}, row.storage.member);
        }
    }
    return options;
}

void save_slave_options(json &slave, const core::Slave &from, std::span<const core::SlaveOptionRow> table) {
    for (const core::SlaveOptionRow &row : table) {
        slave[std::string(row.name)] = core::slave_option(from, row);
    }
}

void load_slave_options(const json &slave, core::Slave &to, std::span<const core::SlaveOptionRow> table) {
    for (const core::SlaveOptionRow &row : table) {
        const json &value = slave.at(std::string(row.name));
        const auto number = value.get<std::int64_t>();
        if (number < row.first || number > row.last) {
            throw std::invalid_argument(std::string(row.name) + ": out of range: " + value.dump());
        }
        core::store_slave_option(to, row, number);
    }
}

} // namespace xbond::daemon
