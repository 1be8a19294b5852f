// SPDX-License-Identifier: MIT
#include "user/cli/manual.h"

#include <algorithm>

#include "user/cli/command.h"
#include "user/core/bond/slave_options.h"
#include "user/import/machine.h"

namespace xbond::cli {

namespace {

std::string roff(std::string_view text) { // nothing in it is a request or an escape
    std::string out;
    bool begins = true;
    for (const char c : text) {
        out += begins && (c == '.' || c == '\'') ? "\\&" : "";
        out += c == '\\' ? "\\e" : c == '-' ? "\\-" : std::string(1, c);
        begins = c == '\n';
    }
    return out;
}

std::string title(std::string_view name, std::string_view section, std::string_view what) {
    return ".TH " + std::string(name) + " " + std::string(section) + " \"\" \"xbond " XBOND_VERSION "\"\n.SH NAME\n" +
           std::string(name) + " \\- " + std::string(what) + "\n";
}
std::string part(std::string_view name) { return ".SH " + std::string(name) + "\n"; }
std::string literal(std::string_view text) { return ".nf\n" + roff(text) + ".fi\n"; }

std::string options_part() {
    std::string out = part("OPTIONS OF A BOND");
    for (const auto &o : core::option_table()) {
        out += ".TP\n.B " + roff(o.name) + "\n" + roff(o.help) + ".\nValues: " + roff(o.values) +
               (o.fallback.empty() ? "" : "; default " + roff(o.fallback)) +
               (o.modes == core::all_modes ? "" : "; modes " + core::mode_numbers(o.modes)) + ".\n";
    }
    out += part("OPTIONS OF A SLAVE");
    for (const auto &o : core::slave_option_table()) {
        out += ".TP\n.B " + roff(o.name) + "\n" + roff(o.help) + ".\nValues: " + roff(o.values) + "; default " +
               roff(o.fallback) + ".\n";
    }
    return out;
}

std::string xbond_page() {
    return title("xbond", "8", "make, change and show bonds of xbondd") + part("SYNOPSIS") + literal(help_text({})) +
           options_part() + part("SEE ALSO") +
           ".BR xbondd (8),\n.BR xbond.conf (5),\n.BR ifenslave (8),\n.BR ip\\-link (8)\n";
}

std::string xbondd_page() {
    return title("xbondd", "8", "the controller of xbond's bonds, one a network namespace") + part("SYNOPSIS") +
           ".B xbondd\n[\\-\\-config FILE] [\\-\\-socket PATH] [\\-\\-state\\-dir DIR] [\\-\\-bpffs DIR]\n"
           "[\\-\\-log\\-level LEVEL] [\\-\\-teardown]\n" +
           part("DESCRIPTION") +
           roff("Serves the network namespace that it is started in, in the foreground. The bonds go on forwarding "
                "when it\n"
                "ends, and the next one takes them over. SIGHUP makes it read its config file again; --teardown "
                "removes every\n"
                "bond of the namespace and gives the slaves back as they were. At start what can be made of the config "
                "is\n"
                "made, what is missing is waited for; only a file that cannot be read or parsed ends it.\n") +
           part("FILES") + ".I /etc/xbond/xbond.json\n.br\n.I /run/xbond/\n" + part("SEE ALSO") +
           ".BR xbond (8),\n.BR xbond.conf (5)\n";
}

std::string files_page() {
    return title("xbond-files", "8", "the files of the kernel's bonding driver for xbond's bonds") + part("SYNOPSIS") +
           ".B xbond\\-files\n[DIR] [\\-\\-socket PATH] [\\-\\-unmount]\n" + part("DESCRIPTION") +
           roff("Mounts a file system (FUSE) with proc/net/bonding/BOND, sys/class/net/bonding_masters,\n"
                "sys/class/net/BOND/bonding/* and sys/class/net/SLAVE/bonding_slave/*: texts, modes and errors are the "
                "kernel's,\n"
                "what is read is what is there at that moment, and what sysfs lets be written can be written. It asks "
                "xbondd as any\n"
                "client does, waits for ten seconds while xbondd is replaced, and unmounts when it ends, also when it "
                "is killed.\n") +
           part("FILES") +
           ".I /run/xbond/proc\n,\n.I /run/xbond/sys\n"
           "of the machine's own network namespace,\n.br\n.I /run/xbond/INODE/files\nof the one with that inode\n" +
           part("SEE ALSO") + ".BR xbond (8),\n.BR xbondd (8)\n";
}

std::string ifenslave_page() {
    return title("ifenslave", "8", "attach slaves to a bond and detach them") + part("SYNOPSIS") +
           literal(help_text({"ifenslave"})) + part("SEE ALSO") + ".BR xbond (8)\n";
}

std::string config_page() {
    return title("xbond.conf", "5", "the bonds that xbondd makes") + part("DESCRIPTION") +
           roff("A JSON object. What it describes is what runs after `xbond apply FILE`, or when xbondd starts with "
                "--config:\n"
                "options that are not named are at their defaults, bonds of the file before that are no longer in it "
                "go, a\n"
                "slave that is not there is waited for.\n") +
           literal("{\"group\": \"netadmin\",\n"
                   " \"bonds\": {\"bond0\": {\"mode\": \"active-backup\", \"miimon\": 100, \"primary\": \"eth0\",\n"
                   "                      \"address\": \"52:54:00:aa:bb:01\", \"mtu\": 9000, \"up\": true,\n"
                   "                      \"slaves\": [\"eth0\", {\"mac\": \"52:54:00:aa:bb:02\", \"prio\": 10},\n"
                   "                                 {\"path\": \"pci-0000:03:00.0\"},\n"
                   "                                 {\"driver\": \"ixgbe\", \"match\": \"enp*\"}],\n"
                   "                      \"ports\": [\"veth7\", {\"name\": \"veth8\", \"vlan\": 20,\n"
                   "                                           \"mac\": \"02:00:00:00:00:08\"}]}}}\n") +
           roff("A slave is known by its name or an alternative name, its permanent MAC address, a glob of names, "
                "udev's\n"
                "ID_PATH or its driver.\n"
                "A port is a device whose frames go through the bond, by its name, with the words of `xbond port "
                "add`: mac, vlan,\n"
                "xdp. Where there is no \"ports\", those that were made by hand stay.\n") +
           options_part() + part("SEE ALSO") + ".BR xbond (8),\n.BR xbondd (8)\n";
}

std::string names_of_options() {
    std::string out;
    for (const auto &o : core::option_table()) {
        out += (out.empty() ? "" : " ") + std::string(o.name);
    }
    return out;
}

// The values of options that have words, a line of a shell's `case` each.
std::string cases_of_values(std::string_view begin, std::string_view end) {
    std::string out;
    for (const auto &o : core::option_table()) {
        std::string words;
        for (const auto &keyword : o.words) {
            words += (words.empty() ? "" : " ") + std::string(keyword.word);
        }
        if (!words.empty()) {
            out += "    " + std::string(o.name) + ") " + std::string(begin) + words + std::string(end) + "\n";
        }
    }
    return out;
}

std::string formats() {
    std::string out;
    for (const auto name : import::format_names()) {
        out += (out.empty() ? "" : " ") + std::string(name);
    }
    return out;
}

constexpr std::string_view commands = "link status proc monitor explain lacp doctor apply import export migrate "
                                      "metrics top ifenslave xdp port xsk options "
                                      "help -n -j -p -d -s -o -br -batch --socket --timeout";

std::string bash_completion() {
    return "# bash completion of xbond\n"
           "_xbond() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words\n"
           "    local line=\" ${COMP_WORDS[*]} \" devices\n"
           "    devices=$(cd /sys/class/net 2>/dev/null && echo *)\n"
           "    case $before in\n" +
           cases_of_values("words='", "' ;;") +
           "    link) words='add set delete show xstats' ;;\n"
           "    xdp) words='attach detach show' ;;\n"
           "    port) words='add del show' ;;\n"
           "    type) words='bond bond_slave' ;;\n"
           "    xsk) words='allow forbid show' ;;\n"
           "    allow|forbid|attach|detach) words=$devices ;;\n"
           "    status) words=\"$devices --watch\" ;;\n"
           "    master|dev|proc|lacp|explain|delete|primary|active_slave|migrate|ifenslave) words=$devices ;;\n"
           "    import) words='--root " +
           formats() +
           "' ;;\n"
           "    -n|netns) words=$(cd /run/netns 2>/dev/null && echo *) ;;\n"
           "    apply|pcap|-b|-batch|--root|--socket) mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n"
           "    *)\n"
           "        if [[ $line == *' type bond_slave '* ]]; then words='prio queue_id actor_port_prio'\n"
           "        elif [[ $line == *' type bond '* ]]; then words='" +
           names_of_options() +
           "'\n"
           "        elif [[ $line == *' link '* || ${COMP_WORDS[0]##*/} == ifenslave ]]; then words=\"$devices up down "
           "master nomaster mtu address netns nonetns type\"\n"
           "        elif ((COMP_CWORD == 1)) || [[ $before == -* ]]; then words='" +
           std::string(commands) +
           "'\n"
           "        fi ;;\n"
           "    esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
           "}\n"
           "complete -F _xbond xbond ifenslave\n";
}

std::string zsh_completion() {
    return "#compdef xbond ifenslave\n"
           "# zsh completion of xbond\n"
           "local before=${words[CURRENT-1]} line=\" ${words[*]} \"\n"
           "local -a devices list\n"
           "devices=(/sys/class/net/*(N:t))\n"
           "case $before in\n" +
           cases_of_values("list=(", ") ;;") +
           "    link) list=(add set delete show) ;;\n"
           "    xdp) list=(attach detach show) ;;\n"
           "    port) list=(add del show) ;;\n"
           "    type) list=(bond bond_slave) ;;\n"
           "    xsk) list=(allow forbid show) ;;\n"
           "    allow|forbid|attach|detach) list=($devices) ;;\n"
           "    status) list=($devices --watch) ;;\n"
           "    master|dev|proc|lacp|explain|delete|primary|active_slave|migrate|ifenslave) list=($devices) ;;\n"
           "    import) list=(--root " +
           formats() +
           ") ;;\n"
           "    apply|pcap|-b|-batch|--root|--socket) _files; return ;;\n"
           "    *)\n"
           "        if [[ $line == *' type bond_slave '* ]]; then list=(prio queue_id actor_port_prio)\n"
           "        elif [[ $line == *' type bond '* ]]; then list=(" +
           names_of_options() +
           ")\n"
           "        elif [[ $line == *' link '* || ${words[1]:t} == ifenslave ]]; then list=($devices up down master "
           "nomaster mtu address netns nonetns type)\n"
           "        elif ((CURRENT == 2)) || [[ $before == -* ]]; then list=(" +
           std::string(commands) +
           ")\n"
           "        fi ;;\n"
           "esac\n"
           "compadd -a list\n";
}

struct Page {
    std::string_view name;
    std::string (*make)();
};
constexpr std::array pages{Page{"xbond.8", xbond_page},           Page{"xbondd.8", xbondd_page},
                           Page{"xbond-files.8", files_page},     Page{"ifenslave.8", ifenslave_page},
                           Page{"xbond.conf.5", config_page},     Page{"completion.bash", bash_completion},
                           Page{"completion.zsh", zsh_completion}};

} // namespace

std::optional<std::string> manual(std::string_view page) {
    const auto *found = std::ranges::find(pages, page, &Page::name);
    return found == pages.end() ? std::nullopt : std::optional(found->make());
}

} // namespace xbond::cli
