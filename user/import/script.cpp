// SPDX-License-Identifier: MIT
#include "user/import/script.h"

#include <algorithm>
#include <span>

#include "user/core/options/text.h"
#include "user/import/syntax/text.h"

namespace xbond::import {

namespace {

using Words = std::span<const ShellWord>;

std::string program(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

bool known(Words words) {
    return std::ranges::none_of(words, [](const ShellWord &w) { return w.expands || w.substitutes; });
}

class Command {
public:
    Command(Words words, Place at, Draft &draft) : words_(words), at_(std::move(at)), draft_(draft) {}

    Result<bool> read() {
        while (!words_.empty() &&
               is_one_of(words_[0].text, {"if", "then", "else", "do", "time", "exec", "sudo", "!", "{"})) {
            words_ = words_.subspan(1);
        }
        if (words_.empty()) {
            return true;
        }
        if (!std::ranges::all_of(words_, is_utf8, &ShellWord::text)) {
            return false;
        }
        const auto name = program(words_[0].text);
        if (is_one_of(name, {"modprobe", "insmod"})) {
            return load();
        }
        if (name.starts_with("ifenslave")) {
            return enslave();
        }
        if (name == "echo" || name == "printf") {
            return write_sysfs();
        }
        if (name == "ip") {
            return ip_link();
        }
        if (name == "ifconfig") { // up and down are what enslaving does anyway
            return words_.size() <= 3 && is_one_of(words_.back().text, {"up", "down"});
        }
        return is_one_of(name,
                         {"sleep", "touch", "true", ":", "exit", "fi", "done", "}", "ifup", "ifdown", "test", "["});
    }

private:
    Bond &bond(const std::string &name) { return draft_.bond(name, at_); }

    // modprobe [-options] bonding NAME=VALUE...; with -o NAME for the bond of that name alone.
    Result<bool> load() {
        std::size_t i = 1;
        std::string renamed;
        const auto is_driver = [](std::string_view word) {
            const auto file = program(word);
            return file == "bonding" || file.starts_with("bonding.ko");
        };
        for (; i < words_.size() && !is_driver(words_[i].text); ++i) {
            if (words_[i].text == "-r" || words_[i].text == "--remove") {
                return true;
            }
        }
        if (i == words_.size()) {
            return false;
        }
        std::vector<Setting> parameters;
        for (++i; i < words_.size(); ++i) {
            const auto &word = words_[i];
            const auto equals = word.text.find('=');
            if (word.text == "-o" && i + 1 < words_.size()) {
                renamed = words_[++i].text;
            } else if (word.redirects) {
                break;
            } else if (equals != std::string::npos) {
                const auto key = word.text.substr(0, equals);
                if (word.expands) {
                    return refuse(at_, key + " needs a shell to be known");
                }
                parameters.push_back({key, word.text.substr(equals + 1), at_, key});
            }
        }
        auto &to = renamed.empty() ? draft_.bond("", at_).module : bond(renamed).module;
        to.insert(to.end(), parameters.begin(), parameters.end());
        return true;
    }

    Result<bool> enslave() {
        std::vector<std::string> names;
        bool detach = false, all = false;
        for (const auto &word : words_.subspan(1)) {
            if (word.redirects) {
                break;
            }
            if (word.text.starts_with("-")) {
                const bool letters = !word.text.starts_with("--");
                detach = detach || word.text == "--detach" || (letters && word.text.find('d') != std::string::npos);
                all = all || is_one_of(word.text, {"--all-interfaces", "--change-active"}) ||
                      (letters && word.text.find_first_of("acVhu") != std::string::npos);
            } else if (word.expands) {
                return refuse(at_, "ifenslave: " + core::quoted(word.text) + " needs a shell to be known");
            } else if (!is_interface_name(word.text)) {
                return false;
            } else {
                names.push_back(word.text);
            }
        }
        if (detach || all || names.empty()) {
            return detach || all;
        }
        auto &to = bond(names.front());
        for (std::size_t i = 1; i < names.size(); ++i) {
            SlaveRef slave;
            slave.name = names[i];
            add_slave(to, slave);
        }
        return true;
    }

    // echo VALUE > /sys/class/net/BOND/bonding/OPTION
    Result<bool> write_sysfs() {
        const auto arrow = std::ranges::find_if(words_, [](const ShellWord &w) { return w.redirects; });
        if (arrow == words_.end() || arrow + 1 == words_.end()) {
            return true; // text for people
        }
        const auto path = words((arrow + 1)->text, "/");
        std::string value;
        for (auto word = words_.begin() + 1; word != arrow; ++word) {
            value += (value.empty() || word->text == "-n" ? "" : " ") + (word->text == "-n" ? "" : word->text);
        }
        if (path.size() < 4 || path[0] != "sys" || path[1] != "class" || path[2] != "net") {
            return true;
        }
        if (!known(words_)) {
            return false;
        }
        if (path[3] == "bonding_masters") {
            if (value.starts_with('+') && is_interface_name(value.substr(1))) {
                bond(value.substr(1));
            }
            return true;
        }
        if (path.size() != 6 || path[4] != "bonding" || !is_interface_name(path[3])) {
            return false;
        }
        auto &to = bond(path[3]);
        if (path[5] == "slaves") {
            if (value.starts_with('+')) {
                SlaveRef slave;
                slave.name = value.substr(1);
                add_slave(to, slave);
            }
        } else {
            to.settings.push_back({path[5], value, at_, path[5]});
        }
        return true;
    }

    // ip link add BOND type bond ..., ip link set DEV master BOND, ip link set DEV up|down.
    Result<bool> ip_link() {
        std::vector<std::string> args;
        for (const auto &word : words_.subspan(1)) {
            if (word.redirects) {
                break;
            }
            if (!word.text.starts_with('-')) {
                args.push_back(word.text);
            }
        }
        if (args.size() < 3 || !std::string_view("link").starts_with(args[0]) || !known(words_)) {
            return false;
        }
        std::size_t i = is_one_of(args[2], {"dev", "name"}) ? 3 : 2;
        if (i >= args.size() || !is_interface_name(args[i])) {
            return false;
        }
        const std::string device = args[i++];
        if (args[1] == "add") {
            return add_bond(device, args, i);
        }
        if (args[1] != "set") {
            return false;
        }
        for (; i < args.size(); ++i) {
            if (args[i] == "master" && i + 1 < args.size()) {
                SlaveRef slave;
                slave.name = device;
                masters_of(args[++i], slave);
            } else if (!is_one_of(args[i], {"up", "down"})) {
                return false;
            }
        }
        return true;
    }

    // Only a bond: a bridge has slaves too.
    void masters_of(const std::string &master, const SlaveRef &slave) {
        if (auto *found = draft_.find(master)) {
            add_slave(*found, slave);
        }
    }

    Result<bool> add_bond(const std::string &device, const std::vector<std::string> &args, std::size_t i) {
        const auto type = std::find(args.begin() + static_cast<std::ptrdiff_t>(i), args.end(), "type");
        if (type == args.end() || type + 1 == args.end() || *(type + 1) != "bond") {
            return false;
        }
        auto &to = bond(device);
        for (auto word = type + 2; word != args.end(); word += 2) {
            if (word + 1 == args.end()) {
                return refuse(at_, core::quoted(*word) + " has no value");
            }
            to.settings.push_back({*word, *(word + 1), at_, *word});
        }
        return true;
    }

    Words words_;
    Place at_;
    Draft &draft_;
};

} // namespace

void add_slave(Bond &bond, const SlaveRef &slave) {
    for (auto &old : bond.slaves) {
        const bool same_name = !slave.name.empty() && old.name == slave.name;
        const bool same_mac = !slave.mac.empty() && old.mac == slave.mac;
        const bool same_rest = slave.name.empty() && slave.mac.empty() && old.name.empty() && old.mac.empty() &&
                               old.match == slave.match && old.path == slave.path && old.driver == slave.driver;
        if (same_name || same_mac || same_rest) {
            old.mac = old.mac.empty() ? slave.mac : old.mac;
            old.name = old.name.empty() ? slave.name : old.name;
            old.prio = slave.prio ? slave.prio : old.prio;
            old.queue_id = slave.queue_id ? slave.queue_id : old.queue_id;
            return;
        }
    }
    bond.slaves.push_back(slave);
}

Result<bool> read_command(const ShellCommand &command, const std::string &file, Draft &draft) {
    return Command(command.words, {file, command.line}, draft).read();
}

Result<bool> read_commands(std::string_view text, const Place &at, Draft &draft) {
    const auto commands = parse_shell(text, at);
    if (!commands) {
        return false;
    }
    bool all = true;
    for (const auto &command : *commands) {
        XB_TRY(understood, read_command(command, at.file, draft));
        all = all && *understood;
    }
    return all;
}

Result<Draft> read_boot_scripts(Machine &machine) {
    Draft draft;
    for (const std::string file : {"etc/rc.local", "etc/rc.d/rc.local", "etc/init.d/boot.local"}) {
        if (file == "etc/rc.d/rc.local" && machine.files.kind("etc/rc.local") == Files::Kind::file) {
            continue; // one is a link to the other
        }
        XB_TRY(text, read_text(machine.files, file));
        const auto content = text->value_or("");
        unsigned number = 0;
        for (const auto line : lines(content)) {
            const Place at{file, ++number};
            const auto before = draft.bonds.size();
            XB_TRY(understood, read_commands(line, at, draft));
            const auto mentioned = words(line, " \t\r\n;&|\"'/.:=");
            const bool about_a_bond = std::ranges::any_of(mentioned, [&](const std::string &word) {
                return draft.find(word) != nullptr || std::ranges::find(machine.bonds, word) != machine.bonds.end() ||
                       word.starts_with("ifenslave");
            });
            if (!*understood && about_a_bond && !trim(line).starts_with('#') && before == draft.bonds.size()) {
                draft.note(at, core::quoted(trim(line)) + ": not carried, stays in the script");
            }
        }
    }
    if (auto *loaded = draft.find("")) { // modprobe bonding ...: for every bond
        machine.module.insert(machine.module.end(), loaded->module.begin(), loaded->module.end());
        std::erase_if(draft.bonds, [](const Bond &b) { return b.name.empty(); });
    }
    return draft;
}

} // namespace xbond::import
