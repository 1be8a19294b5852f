// SPDX-License-Identifier: MIT
#include "tests/docs/options_page.h"

#include <algorithm>
#include <map>

#include "user/cli/command.h"
#include "user/core/bond/slave_options.h"
#include "user/files/attributes.h"

namespace xbond::test::docs {

namespace {

// Of options whose default is nothing.
const std::map<std::string_view, std::string> examples{
    {"active_slave", "eth0"},         {"primary", "eth0"},    {"arp_ip_target", "192.0.2.1"},
    {"ns_ip6_target", "2001:db8::1"}, {"queue_id", "eth0:2"}, {"xsk_allow", "group root match udp dst 4789"}};

std::string value_of(const core::OptionRow &row) {
    const auto example = examples.find(row.name);
    return example == examples.end() ? std::string(row.fallback) : example->second;
}

bool is_number(const std::string &text) { return text.find_first_not_of("0123456789") == std::string::npos; }

// Actions on slaves are no configuration: `slaves` of the config file has what they stand for.
bool in_config(const core::OptionRow &row) { return row.name != "active_slave" && row.name != "queue_id"; }

Written written(const core::OptionRow &row) {
    Written out{std::string(row.name), value_of(row), "", "", {}};
    out.words = out.name + " " + (out.value.find(' ') == std::string::npos ? out.value : "\"" + out.value + "\"");
    if (in_config(row)) {
        out.config = "\"" + out.name + "\": " + (is_number(out.value) ? out.value : "\"" + out.value + "\"");
    }
    auto names = core::aliases(row);
    names.insert(names.begin(), row.name);
    for (const auto name : names) {
        const auto *file = files::find(files::bond_attributes(), name);
        if (file != nullptr && file->writable) {
            out.files.emplace_back(name, (row.name == "arp_ip_target" ? "+" : "") + out.value);
        }
    }
    return out;
}

std::string code(const std::string &text) { return text.empty() ? "" : "`" + text + "`"; }

} // namespace

std::vector<Written> written_options() {
    std::vector<Written> all;
    for (const auto &row : core::option_table()) {
        all.push_back(written(row));
    }
    return all;
}

std::string options_section() { return cli::option_table_text({true}); }

std::string written_section() {
    std::string out = "| option | command line | file | config file |\n|---|---|---|---|\n";
    for (const auto &option : written_options()) {
        std::string writes;
        for (const auto &[file, value] : option.files) {
            writes += (writes.empty() ? "" : ", ") + code("echo " + value + " > " + file);
        }
        out += "| " + code(option.name) + " | " + code(option.words) + " | " + writes + " | " + code(option.config) +
               " |\n";
    }
    return out;
}

std::string slave_options_section() {
    std::string out = "| option | values | default | modes | what it does |\n|---|---|---|---|---|\n";
    for (const auto &row : core::slave_option_table()) {
        out += "| " + code(std::string(row.name)) + " | " + std::string(row.values) + " | " +
               std::string(row.fallback) + " | " + core::mode_numbers(row.modes) + " | " + std::string(row.help) +
               " |\n";
    }
    return out;
}

} // namespace xbond::test::docs
