// SPDX-License-Identifier: MIT
// What applications have of one bond: the view of its state that they map, and by rules the maps into which they put
// their AF_XDP sockets. Descriptors go out to clients, none is ever taken in: whatever an application passed would be
// closed by this program, which can take as long as the application likes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "common/fd.h"
#include "loader/datapath.h"
#include "user/core/bond/desired.h"
#include "user/core/options/xsk_rules.h"
#include "user/daemon/host.h"
#include "user/daemon/task.h"
#include "user/sys/unix_socket.h"

namespace xbond::daemon {

class Applications {
public:
    Applications(Host &host, std::shared_ptr<loader::DataPath> path) : host_(host), path_(std::move(path)) {}

    void follow(const core::Desired &); // the rules, by hands
    bool has_rules() const { return !rules_.empty(); }

    struct Opened {
        std::vector<Fd> descriptors; // the view; then a map of sockets for each rule that the client falls under
        std::vector<std::string> rules;
    };
    // EACCES: it asks for sockets, and no rule is for one of its groups.
    Task<Result<Opened>> open(sys::Peer, bool sockets);
    void nobody_looks(); // the last client that had opened the view has gone

private:
    struct Rule {
        core::XskRule rule;
        std::optional<gid_t> group; // looked up when the rule came; none: there is no such group
    };
    Ms interval() const; // of looks at the carriers
    void set_rules(std::vector<core::XskRule>);
    static std::optional<gid_t> find_group(const std::string &name); // may ask a server: for hands

    Host &host_;
    std::shared_ptr<loader::DataPath> path_;
    std::string text_; // of the rules, as they were last set
    std::vector<Rule> rules_;
    std::uint32_t carrier_watch_ms_ = 1;
    Alive alive_;
};

} // namespace xbond::daemon
