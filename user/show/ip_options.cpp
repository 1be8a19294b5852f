// SPDX-License-Identifier: MIT
#include "user/show/ip_options.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "user/core/lacp/aggregator.h"
#include "user/core/options/targets.h"
#include "user/show/render_util.h"

namespace xbond::show {

using core::IpForm;
using core::OptionRow;
using nlohmann::ordered_json;

namespace {

std::string_view ip_key(const OptionRow &row) { return row.ip.key.empty() ? row.name : row.ip.key; }

// Without what is absent: a slave that there is not, an empty list.
using Shown = std::optional<ordered_json>;

Shown slave_name(const SlaveView *view) { return view == nullptr ? std::nullopt : Shown(view->slave.name); }

struct AddressList {
    const core::Options &options;

    template <typename Addr> Shown operator()(std::vector<Addr> core::Options::*member) const {
        auto list = ordered_json::array();
        for (const Addr &address : options.*member) {
            list.push_back(core::ip_text(address));
        }
        return list.empty() ? std::nullopt : Shown(list);
    }
    template <typename Other> Shown operator()(const Other &) const { return std::nullopt; }
};

Shown shown(const BondView &bond, const OptionRow &row) {
    const auto number = core::option_number(bond.options, row);
    const auto text = [&] { return ordered_json(core::get_option(bond.options, row).value_or("")); };
    switch (row.ip.form) {
    case IpForm::none:
        return std::nullopt;
    case IpForm::number:
        return ordered_json(number);
    case IpForm::text:
        return text();
    case IpForm::text_or_null:
        return number == 0 ? ordered_json() : text();
    case IpForm::yes_no:
        return ordered_json(number != 0);
    case IpForm::list:
        return std::visit(AddressList{bond.options}, row.storage.member);
    case IpForm::active_slave:
        return core::traits(bond.options.mode).has_primary ? slave_name(slave_in_slot(bond, bond.active))
                                                           : std::nullopt;
    case IpForm::primary_slave:
        return slave_name(slave_in_slot(bond, bond.primary));
    }
    return std::nullopt;
}

// Of mode 4 with an active aggregator, as the kernel tells a privileged reader.
void add_aggregator(ordered_json &out, const lacp::SystemState &state) {
    if (const auto *active = state.aggregator(state.active)) {
        out["ad_info"] = {{"aggregator", active->id},
                          {"num_ports", lacp::figures_of(state, *active).up_ports},
                          {"actor_key", active->actor_key},
                          {"partner_key", active->partner_key},
                          {"partner_mac", active->partner_system.str()}};
    }
}

} // namespace

ordered_json ip_options(const BondView &bond, std::span<const OptionRow> table) {
    auto out = ordered_json::object();
    const auto behind = [](const OptionRow &row) { return row.ip.behind; };
    for (const OptionRow *row : core::rows_in_order(table, ip_key, behind)) {
        if (row->ip.with_lacp && !bond.lacp) {
            continue;
        }
        if (row->ip.with_lacp && !out.contains("ad_info")) { // before the first of them
            add_aggregator(out, bond.lacp->state);
        }
        if (auto value = shown(bond, *row)) {
            out[std::string(ip_key(*row))] = std::move(*value);
        }
    }
    return out;
}

void add_ip_slave_options(ordered_json &out, const core::Slave &slave, std::span<const core::SlaveOptionRow> table) {
    using Row = core::SlaveOptionRow;
    for (const Row *row : core::rows_in_order(table, &Row::name, &Row::behind)) {
        if (row->in_ip) {
            out[std::string(row->name)] = core::slave_option(slave, *row);
        }
    }
}

std::string_view ip_text_word(std::string_view key, std::span<const OptionRow> table) {
    const auto found = std::ranges::find_if(
        table, [&](const OptionRow &row) { return row.ip.form != IpForm::none && ip_key(row) == key; });
    return found == table.end() ? key : found->name;
}

} // namespace xbond::show
