// SPDX-License-Identifier: MIT
// What is said of a port, in a request and in a config file.
#pragma once

#include "user/api/json_reader.h"
#include "user/api/protocol.h"

namespace xbond::api {

PortConfig read_port_words(ObjectReader &); // mac, vlan, xdp; without the name

} // namespace xbond::api
