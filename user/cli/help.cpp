// SPDX-License-Identifier: MIT
#include <sstream>

#include "user/cli/command.h"
#include "user/cli/manual.h"
#include "user/core/bond/slave_options.h"

namespace xbond::cli {

namespace {

constexpr const char *general = R"(Usage: xbond [OPTIONS] COMMAND
OPTIONS := -n NETNS | -j (JSON) | -p (pretty JSON) | -d (details) | -s (statistics) | -o (one line a link)
           | -br (brief) | -b FILE (commands, a line each) [-force] | --socket PATH | -V
           | --help, also behind a command
           --timeout SECONDS (for an answer; 10, of apply 300; 0: for ever)
  link add [dev] BOND [up | down] [master DEV] [address MAC] [mtu N] [netns NETNS] [DEVICE WORD]...
           type bond [OPTION VALUE]...
  link set [dev] DEV [master BOND | nomaster] [up | down] [address MAC] [mtu N] [name NEW] [netns NETNS | nonetns]
           [DEVICE WORD]... [type bond OPTION VALUE... | type bond_slave OPTION VALUE...]
           DEVICE WORD := txqueuelen N | alias TEXT | group N | promisc, allmulticast, multicast, arp on|off
  link delete [dev] BOND
  link show [[dev] DEV] [group G] [up | down] [type bond | type bond_slave] [master BOND | nomaster]
                             as ip prints a kernel bond
  link xstats type bond | type bond_slave [802.3ad] [dev DEV]                 what LACP has counted
  status [BOND] [--watch [SECONDS]]   the whole state; --watch: over and over, every 2 seconds
  top [BOND]                 the same as it changes, with rates; q ends it
  proc BOND                  the text of /proc/net/bonding/BOND
  monitor                    changes as they happen
  explain BOND --frame HEX [--vlan-tci N]              which slave would this frame take, and why
  explain BOND --flow src=IP,dst=IP,proto=tcp,sport=N,dport=N[,smac=MAC,dmac=MAC,vlan=ID]
  explain --policy POLICY --slaves N --frame HEX       the same without a bond
  lacp BOND                  mode 802.3ad: the state of LACP, as ovs-appctl lacp/show prints it
  lacp BOND history [SLAVE]  its last frames, decoded; lacp BOND pcap FILE writes them to a file
  xdp attach BOND FILE [prog NAME] [pin DIR]           somebody's XDP program on all slaves, also on those to come, behind
                             LACP and the monitors; FILE: an object of clang, NAME: which of its programs, DIR: of a bpf
                             file system, where its maps are pinned. One that is there is replaced
  xdp detach BOND            nothing of it is left
  xdp show [BOND]            whose program runs, and how XDP sits on each slave
  port add BOND DEVICE [mac ADDRESS] [vlan N] [xdp auto|native|generic|off]
                             frames of a container's veth or of another NIC go through the bond, by XDP where it can
  port del BOND DEVICE       it is an ordinary device again
  port show [BOND]           ports, how each sends and receives, and what went through
  xsk allow BOND group GROUP match WORDS...            AF_XDP sockets of members of GROUP get such frames of the bond;
                             WORDS := all | vlan N, ethertype N|ip|ip6|arp, mac ADDRESS, proto N|tcp|udp|sctp|...,
                                      src PORT[-PORT], dst PORT[-PORT], queue N   (all of them have to fit)
  xsk forbid BOND group GROUP match WORDS...           that rule goes;  xsk show BOND: the rules
  doctor                     what this kernel and these NICs can do
  apply FILE [--dry-run]     make the bonds of a config file, all or nothing
  import [--root DIR] [FORMAT] [-j]   the config that other tools' files, or a bond of the kernel, amount to;
                             FORMAT: ifcfg, suse, modprobe, interfaces, netplan, networkd, networkmanager, teamd, live
  export FORMAT FILE         a config file as another tool would have it; FORMAT: iproute2, networkd, netplan
  migrate BOND [--dry-run] [--back]   a bond of the kernel becomes one of xbond's under traffic, with its addresses,
                             routes and VLANs; says before what will be lost and measures it; --back: the other way
  metrics [--listen 127.0.0.1:PORT | --listen unix:PATH]   the status for Prometheus: once, or served over HTTP
  ifenslave [-c | -d] BOND SLAVE...                    the tool of that name, also if this program is called so
  options [--markdown]       every bond option
  help [link | bond]
Exit code: 0 done, 1 refused, 2 usage, 3 no daemon, or no answer from it, 4 permission denied
)";

constexpr const char *ifenslave_help =
    R"(Usage: ifenslave BOND SLAVE...       make them slaves; the bond is made if it is not there, with the options
                                     that etc/modprobe.d has for it
       ifenslave -d BOND SLAVE...    release them
       ifenslave -c BOND SLAVE       make this one the active slave
       ifenslave -a                  show all interfaces;  ifenslave BOND: show one
       -v says what is done, -V tells the version, -f is taken and does nothing
)";

std::string bond_help() { return "Usage: ... type bond [OPTION VALUE]..., where OPTION is\n" + option_table_text({}); }

std::string slave_help() {
    std::string out = "Usage: ... type bond_slave";
    for (const auto &o : core::slave_option_table()) {
        out += " [" + std::string(o.name) + " " + std::string(o.values) + "]";
    }
    return out + "\n";
}

// A command's own lines of the general help, and what follows them further to the right.
std::string lines_about(const std::string &command) {
    std::istringstream lines(general);
    std::string out;
    bool inside = false;
    for (std::string line; std::getline(lines, line);) {
        inside =
            line.starts_with("  " + command + " ") || line == "  " + command || (inside && line.starts_with("   "));
        out += inside ? line + "\n" : "";
    }
    return out;
}

std::string cell(std::string_view text) { // a table cell: '|' would end it
    std::string out;
    for (const char c : text) {
        out += c == '|' ? std::string("\\|") : std::string(1, c);
    }
    return out;
}

std::string rules(const core::OptionRow &o) {
    std::string out = o.needs_no_slaves ? "no slaves" : "";
    return out + (o.needs_down ? out.empty() ? "bond down" : ", bond down" : "");
}

std::string markdown_table(std::span<const core::OptionRow> table) {
    std::string out = "| option | values | default | modes | changeable only with | what it does |\n"
                      "|---|---|---|---|---|---|\n";
    for (const auto &o : table) {
        const std::string alias = o.alias.empty() ? "" : " (" + cell(o.alias) + ")";
        out += "| `" + cell(o.name) + "`" + alias + " | " + cell(o.values) + " | " + cell(o.fallback) + " | " +
               core::mode_numbers(o.modes) + " | " + rules(o) + " | " + cell(o.help) + " |\n";
    }
    return out;
}

} // namespace

std::string option_table_text(const OptionTable &wanted, std::span<const core::OptionRow> table) {
    if (wanted.markdown) {
        return markdown_table(table);
    }
    std::string out;
    for (const auto &o : table) {
        out += "  " + std::string(o.name) + (o.alias.empty() ? "" : " (" + std::string(o.alias) + ")") + "  " +
               std::string(o.values) + (o.fallback.empty() ? "" : "  [" + std::string(o.fallback) + "]") + "\n      " +
               std::string(o.help);
        const std::string only = rules(o);
        out += (o.modes == core::all_modes ? "" : "; modes " + core::mode_numbers(o.modes)) +
               (only.empty() ? "" : "; changeable only with " + only) + "\n";
    }
    return out;
}

std::string help_text(const Help &wanted) {
    if (wanted.topic == "bond") {
        return bond_help();
    }
    if (wanted.topic == "manual") {
        return manual(wanted.page).value_or("no page " + wanted.page + " in the manual\n");
    }
    if (wanted.topic == "ifenslave") {
        return ifenslave_help;
    }
    if (wanted.topic == "bond_slave") {
        return slave_help();
    }
    const std::string about = wanted.topic.empty() ? "" : lines_about(wanted.topic);
    return about.empty() ? general : "Usage: xbond [OPTIONS] COMMAND, of which\n" + about;
}

} // namespace xbond::cli
