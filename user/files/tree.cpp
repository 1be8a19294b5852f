// SPDX-License-Identifier: MIT
#include "user/files/tree.h"

#include <algorithm>
#include <array>
#include <sys/stat.h>

#include "user/files/attributes.h"
#include "user/files/changes.h"

namespace xbond::files {

using nlohmann::ordered_json;

namespace {

constexpr off_t sysfs_size = 4096;
constexpr mode_t directory_mode = S_IFDIR | 0755, readable = S_IFREG | 0444, writable_file = S_IFREG | 0644;
using Names = std::vector<std::string>;

struct Fixed { // directories that are always there
    std::string_view path;
    std::array<std::string_view, 2> entries;
};
constexpr std::string_view proc_bonding = "/proc/net/bonding", class_net = "/sys/class/net";
constexpr std::array fixed{Fixed{"/", {"proc", "sys"}}, Fixed{"/proc", {"net"}},  Fixed{"/proc/net", {"bonding"}},
                           Fixed{proc_bonding, {}},     Fixed{"/sys", {"class"}}, Fixed{"/sys/class", {"net"}},
                           Fixed{class_net, {}}};

struct Path { // below a fixed directory: DEVICE, or DEVICE/DIRECTORY, or DEVICE/DIRECTORY/FILE
    std::string_view base;
    Names parts;
};

Path split(const std::string &path) {
    Path out;
    for (const auto base : {proc_bonding, class_net}) {
        if (path.starts_with(base) && path.size() > base.size() && path[base.size()] == '/') {
            out.base = base;
            std::size_t at = base.size() + 1;
            while (at <= path.size()) {
                const auto end = std::min(path.find('/', at), path.size());
                out.parts.push_back(path.substr(at, end - at));
                at = end + 1;
            }
        }
    }
    return out;
}

tl::unexpected<Error> missing(const std::string &path) { return fail(ENOENT, path + " is not there"); }

struct Device {
    std::string name, master; // of a slave
    std::int64_t ifindex = 0;
    bool bond = false;
};

Device device_of(const ordered_json &link) {
    const auto &flags = link.at("flags");
    const auto has = [&](const char *flag) { return std::find(flags.begin(), flags.end(), flag) != flags.end(); };
    return {.name = link.at("ifname").get<std::string>(),
            .master = has("SLAVE") ? link.value("master", "") : "",
            .ifindex = link.at("ifindex").get<std::int64_t>(),
            .bond = has("MASTER")};
}

// A bond or a slave of one, by its very name.
Result<Device> find_device(Source &source, const std::string &name) {
    if (!api::check_ifname(name)) {
        return missing(name);
    }
    const auto links = source.ask(api::LinkShow{name});
    if (!links) {
        return links.error().code == ENODEV ? missing(name) : tl::make_unexpected(links.error());
    }
    for (const auto &link : *links) {
        if (auto device = device_of(link); device.name == name && (device.bond || !device.master.empty())) {
            return device;
        }
    }
    return missing(name);
}

Result<std::vector<Device>> devices(Source &source) {
    XB_TRY(links, source.ask(api::LinkShow{}));
    std::vector<Device> out;
    for (const auto &link : *links) {
        if (auto device = device_of(link); device.bond || !device.master.empty()) {
            out.push_back(std::move(device));
        }
    }
    return out;
}

Result<Names> bond_names(Source &source) {
    XB_TRY(all, devices(source));
    Names out;
    for (const auto &device : *all) {
        if (device.bond) {
            out.push_back(device.name);
        }
    }
    return out;
}

Result<ordered_json> bond_status(Source &source, const std::string &bond) {
    auto status = source.ask(api::Status{bond});
    if (!status) {
        return status.error().code == ENODEV ? missing(bond) : tl::make_unexpected(status.error());
    }
    const auto &bonds = status->at("bonds");
    return bonds.empty() ? Result<ordered_json>(missing(bond)) : Result<ordered_json>(bonds.at(0));
}

Result<ordered_json> slave_status(Source &source, const std::string &name) {
    XB_TRY(device, find_device(source, name));
    XB_TRY(bond, bond_status(source, device->master));
    for (const auto &slave : bond->at("slaves")) {
        if (slave.at("name") == name) {
            return slave;
        }
    }
    return missing(name);
}

Node file(bool is_writable) {
    return {.mode = is_writable ? writable_file : readable, .target = {}, .size = sysfs_size};
}
Node directory() { return {.mode = directory_mode, .target = {}}; }
Node link_to(const std::string &target) { return {.mode = S_IFLNK | 0777, .target = target}; }

std::string_view attributes_directory(const Device &device) { return device.bond ? "bonding" : "bonding_slave"; }
std::span<const Attribute> attributes(const Device &device) {
    return device.bond ? bond_attributes() : slave_attributes();
}

// What stands right in a device's directory.
Result<Node> look_beside(Source &source, const Device &device, const std::string &name) {
    if (name == attributes_directory(device)) {
        return directory();
    }
    if (!device.bond && name == "master") {
        return link_to("../" + device.master);
    }
    if (device.bond && name.starts_with("lower_")) {
        const auto slave = find_device(source, name.substr(6));
        if (slave && slave->master == device.name) {
            return link_to("../" + slave->name);
        }
    }
    const auto own = source.kernel_directory(device.name, device.ifindex);
    const auto names = own.empty() ? Names{} : source.names_in(own);
    return std::ranges::find(names, name) == names.end() ? Result<Node>(missing(name))
                                                         : Result<Node>(link_to(own + "/" + name));
}

Result<Node> look_device(Source &source, const Names &parts) {
    if (parts.size() == 1 && parts[0] == "bonding_masters") {
        return file(true);
    }
    XB_TRY(device, find_device(source, parts[0]));
    if (parts.size() == 1) {
        return directory();
    }
    if (parts.size() == 2) {
        return look_beside(source, *device, parts[1]);
    }
    const auto *found =
        parts.size() == 3 && parts[1] == attributes_directory(*device) ? find(attributes(*device), parts[2]) : nullptr;
    return found == nullptr ? Result<Node>(missing(parts.back())) : Result<Node>(file(found->writable));
}

Result<Names> list_device(Source &source, const std::string &name) {
    XB_TRY(device, find_device(source, name));
    const auto own = source.kernel_directory(device->name, device->ifindex);
    Names out = own.empty() ? Names{} : source.names_in(own);
    const auto add = [&out](const std::string &entry) {
        if (std::ranges::find(out, entry) == out.end()) {
            out.push_back(entry);
        }
    };
    add(std::string(attributes_directory(*device)));
    if (!device->bond) {
        add("master");
        return out;
    }
    XB_TRY(bond, bond_status(source, name));
    for (const auto &slave : bond->at("slaves")) {
        add("lower_" + slave.at("name").get<std::string>());
    }
    return out;
}

Result<Names> list_attributes(Source &source, const Names &parts) {
    XB_TRY(device, find_device(source, parts[0]));
    if (parts[1] != attributes_directory(*device)) {
        return missing(parts[1]);
    }
    Names out;
    for (const auto &attribute : attributes(*device)) {
        out.emplace_back(attribute.name);
    }
    return out;
}

Result<std::string> read_attribute(Source &source, const Names &parts) {
    const bool of_bond = parts[1] == "bonding";
    const auto *attribute = of_bond                       ? find(bond_attributes(), parts[2])
                            : parts[1] == "bonding_slave" ? find(slave_attributes(), parts[2])
                                                          : nullptr;
    if (attribute == nullptr) {
        return missing(parts[2]);
    }
    XB_TRY(status, of_bond ? bond_status(source, parts[0]) : slave_status(source, parts[0]));
    return attribute->show(attribute->name, *status);
}

} // namespace

Result<Node> look(Source &source, const std::string &path) {
    if (std::ranges::find(fixed, path, &Fixed::path) != fixed.end()) {
        return directory();
    }
    const auto [base, parts] = split(path);
    if (base == class_net) {
        return look_device(source, parts);
    }
    if (base == proc_bonding && parts.size() == 1) {
        XB_TRY(device, find_device(source, parts[0]));
        return device->bond ? Result<Node>(Node{.mode = readable, .target = {}, .writes_fail = true})
                            : Result<Node>(missing(path));
    }
    return missing(path);
}

Result<Names> list(Source &source, const std::string &path) {
    if (path == proc_bonding) {
        return bond_names(source);
    }
    if (path == class_net) {
        XB_TRY(all, devices(source));
        Names out{"bonding_masters"};
        std::ranges::transform(*all, std::back_inserter(out), &Device::name);
        return out;
    }
    if (const auto *found = std::ranges::find(fixed, path, &Fixed::path); found != fixed.end()) {
        Names out;
        for (const auto entry : found->entries) {
            if (!entry.empty()) {
                out.emplace_back(entry);
            }
        }
        return out;
    }
    const auto [base, parts] = split(path);
    if (base != class_net || parts.size() > 2) {
        return missing(path);
    }
    return parts.size() == 1 ? list_device(source, parts[0]) : list_attributes(source, parts);
}

Result<std::string> read(Source &source, const std::string &path) {
    const auto [base, parts] = split(path);
    if (base == proc_bonding && parts.size() == 1) {
        const auto text = source.ask(api::Proc{parts[0]});
        return text                          ? Result<std::string>(text->get<std::string>())
               : text.error().code == ENODEV ? Result<std::string>(missing(path))
                                             : tl::make_unexpected(text.error());
    }
    if (base == class_net && parts.size() == 1 && parts[0] == "bonding_masters") {
        XB_TRY(names, bond_names(source));
        return name_list(*names);
    }
    if (base == class_net && parts.size() == 3) {
        return read_attribute(source, parts);
    }
    return fail(EISDIR, path + " is a directory");
}

Result<void> write(Source &source, const std::string &path, const std::string &text) {
    const auto [base, parts] = split(path);
    if (base == class_net && parts.size() == 1 && parts[0] == "bonding_masters") {
        return change_masters(source, text);
    }
    if (base == class_net && parts.size() == 3 && parts[1] == "bonding") {
        const auto *attribute = find(bond_attributes(), parts[2]);
        return attribute != nullptr && attribute->writable ? change_bond(source, parts[0], parts[2], text)
                                                           : fail(EACCES, path + " is not for writing");
    }
    return fail(EIO, path + " is not for writing");
}

} // namespace xbond::files
