// SPDX-License-Identifier: MIT
#include "user/daemon/requests/device_change.h"

#include "user/api/device_words.h"

namespace xbond::daemon {
namespace {

void set_flag(DeviceChange &change, const sys::LinkInfo &device, std::uint32_t flag, bool on) {
    const auto set = [flag](sys::LinkChange &which, bool value) {
        which.mask |= flag;
        which.flags = (which.flags & ~flag) | (value ? flag : 0);
    };
    set(change.to, on);
    set(change.back, (device.flags & flag) != 0);
}

} // namespace

DeviceChange device_change(const sys::LinkInfo &device, std::span<const core::OptionValue> words) {
    DeviceChange change;
    for (const auto &[name, value] : words) {
        const auto *row = api::find_device_word(name);
        if (row == nullptr) {
            continue;
        }
        change.empty = false;
        if (row->flag != 0) {
            set_flag(change, device, row->flag, api::on_or_off(value).value_or(false) != row->inverted);
        } else if (row->name == "alias") {
            change.to.alias = value;
            change.back.alias = device.alias;
        } else if (row->name == "group") {
            change.to.group = api::device_number(value);
            change.back.group = device.group;
        } else {
            change.to.txqueuelen = api::device_number(value);
            change.back.txqueuelen = device.txqlen;
        }
    }
    return change;
}

} // namespace xbond::daemon
