// SPDX-License-Identifier: MIT
#include "user/daemon/traffic/lacp_agent.h"

#include <algorithm>
#include <spdlog/spdlog.h>

#include "user/daemon/saved/lacp_state.h"

namespace xbond::daemon {
namespace {

// Every LACPDU moves a deadline. A successor may take one for half a second older than it is: of 3 s, or of 90.
constexpr Time save_interval = std::chrono::milliseconds(500);
constexpr int xsk_attempts = 20; // an AF_XDP socket of a controller that died is closed a moment later

lacp::System system_of(const lacp::SystemOptions &options, std::optional<lacp::SystemState> saved,
                       const std::string &bond) {
    if (saved) {
        saved->options = options;
        forgive_absence(*saved, sys::now());
        auto restored = lacp::System::restore(std::move(*saved), sys::now());
        if (restored) {
            return std::move(*restored);
        }
        spdlog::warn("{}: {}: LACP starts anew", bond, restored.error().message);
    }
    return lacp::System(options);
}

} // namespace

// While it lives the agent is at work; at the end of the outermost one the state is saved and the timer set.
class LacpAgent::Busy {
public:
    explicit Busy(LacpAgent &agent) : agent_(agent) { agent_.busy_ = true; }
    ~Busy() {
        agent_.busy_ = false;
        agent_.save();
        agent_.arm();
    }
    Busy(const Busy &) = delete;
    Busy &operator=(const Busy &) = delete;

private:
    LacpAgent &agent_;
};

LacpAgent::LacpAgent(Host &host, const core::BondState &bond, loader::DataPath &path, Applier &applier,
                     std::uint32_t peer_ifindex, Owner owner, std::optional<lacp::SystemState> saved)
    : host_(host),
      bond_(bond),
      path_(path),
      applier_(applier),
      peer_ifindex_(peer_ifindex),
      owner_(std::move(owner)),
      system_(system_of(wanted_options(), std::move(saved), bond.name)),
      was_up_(bond.admin_up) {}

// ---- what the bond wants ----

lacp::SystemOptions LacpAgent::wanted_options() const {
    const auto &o = bond_.options;
    return {.fast_rate = o.lacp_fast,
            .active = o.lacp_active,
            .coupled_control = o.coupled_control,
            .strict = o.lacp_strict,
            .ad_select = o.ad_select,
            .min_links = o.min_links,
            .max_ports = o.max_ports,
            .system_priority = o.ad_actor_sys_prio,
            .user_key = o.ad_user_port_key,
            .actor_system = o.ad_actor_system,
            .bond_mac = bond_.mac};
}

// The link as the monitor sees it: in "going down" it is still up, in "going back" not yet. Without carrier there is no
// speed, and the one there was stays. Unknown duplex counts as full (3.4).
lacp::PortLink LacpAgent::wanted_link(const core::Slave &slave) const {
    lacp::PortLink link = system_.port(slave.slot)->link;
    link.up = bond_.admin_up && (slave.link == core::Link::up || slave.link == core::Link::fail);
    if (slave.up()) {
        link.speed = slave.speed == core::speed_unknown ? 0 : slave.speed;
        link.full_duplex = slave.duplex != core::duplex_half;
    }
    return link;
}

void LacpAgent::sync() {
    if (busy_) {
        return;
    }
    const Busy busy(*this);
    remove_gone_ports(); // first: the last slave takes the bond's address along; its farewell is from the old system
    if (const auto options = wanted_options(); options != system_.options()) {
        carry_out(system_.set_options(options, sys::now()));
    }
    if (was_up_ && !bond_.admin_up) { // with a farewell, so that no partner has to wait for its timeout
        carry_out(system_.shutdown(sys::now()));
    }
    was_up_ = bond_.admin_up;
    for (const core::Slave &slave : std::vector<core::Slave>(bond_.slaves)) {
        sync_port(slave);
    }
    tell(verdict());
}

void LacpAgent::remove_gone_ports() {
    std::vector<SlotId> gone;
    for (const auto &port : system_.ports()) {
        if (core::find_slave(bond_, port.slot) == nullptr) {
            gone.push_back(port.slot);
        }
    }
    for (const SlotId slot : gone) {
        carry_out(system_.remove_port(slot, sys::now()));
        ports_.erase(slot);
    }
}

void LacpAgent::sync_port(const core::Slave &slave) {
    if (!ports_.contains(slave.slot)) {
        add_port(slave);
    }
    const auto *port = system_.port(slave.slot);
    if (port == nullptr) {
        carry_out(system_.add_port(slave.slot, slave.perm_mac, slave.actor_port_prio, sys::now()));
        port = system_.port(slave.slot);
    }
    if (port->actor.port_priority != slave.actor_port_prio) {
        carry_out(system_.set_port_priority(slave.slot, slave.actor_port_prio, sys::now()));
    }
    if (const auto found = ports_.find(slave.slot); found != ports_.end()) {
        found->second.name = slave.name;
        sync_xdp(slave.slot, found->second);
    }
    if (const auto link = wanted_link(slave); link != system_.port(slave.slot)->link) {
        carry_out(system_.set_link(slave.slot, link, sys::now()));
    }
}

// Without a channel the port is deaf and dumb; it is tried again at the next occasion.
void LacpAgent::add_port(const core::Slave &slave) {
    auto channel = SlowChannel::open(slave.slot, slave.ifindex);
    if (!channel) {
        spdlog::error("{}: slave {}: no LACP: {}", bond_.name, slave.name, channel.error().message);
        return;
    }
    const SlotId slot = slave.slot;
    auto &port = ports_.emplace(slot, Port{slave.name, slave.ifindex, std::move(*channel), {}}).first->second;
    port.readable = host_.loop.on_readable(port.channel.fd(), [this, slot] {
        const Busy busy(*this);
        receive(slot);
    });
}

// Where xb_xdp is attached, its AF_XDP sockets get the frames.
void LacpAgent::sync_xdp(SlotId slot, Port &port) {
    using Attached = loader::XdpState::Attached;
    const Attached attached = applier_.xdp(slot).attached;
    if (port.attached == attached) {
        return;
    }
    Result<void> done;
    if (attached != Attached::none && !pool_) {
        auto pool = loader::XskPool::create(peer_ifindex_);
        if (pool) {
            pool_ = std::move(*pool);
        } else {
            done = tl::unexpected(pool.error());
        }
    }
    if (pool_) {
        done = port.channel.set_xdp(attached != Attached::none, path_, *pool_);
    }
    if (!done && ++port.attempts < xsk_attempts) {
        return; // and once more at the next occasion
    }
    if (!done) {
        spdlog::warn("{}: slave {}: LACP by AF_PACKET where AF_XDP is refused: {}", bond_.name, port.name,
                     done.error().message);
    }
    port.attached = attached;
    port.attempts = 0;
    if (applier_.set_slow_to_xsk(slot, port.channel.uses_xdp())) {
        told_.reset(); // to be published
    }
}

// ---- events ----

void LacpAgent::receive(SlotId slot) {
    struct Waiting {
        wire::Frame bytes;
        std::optional<Time> stamp;
    };
    std::vector<Waiting> waiting;
    const auto port = ports_.find(slot);
    if (port == ports_.end()) {
        return;
    }
    port->second.channel.receive([&](std::span<const std::uint8_t> frame, std::optional<Time> stamp) {
        waiting.push_back({wire::Frame(frame.begin(), frame.end()), stamp});
    });
    for (const Waiting &frame : waiting) {
        carry_out(system_.receive(slot, frame.bytes, frame.stamp, sys::now()));
    }
    unsaved_ = unsaved_ || !waiting.empty();
}

// What waits on any slave counts before any deadline does.
void LacpAgent::on_deadline() {
    const Busy busy(*this);
    for (const auto &[slot, port] : ports_) {
        receive(slot);
    }
    carry_out(system_.expire(sys::now()));
}

void LacpAgent::arm() {
    timer_ = {};
    auto when = system_.deadline();
    if (unsaved_) {
        when = std::min(when.value_or(Time::max()), saved_at_ + save_interval);
    }
    if (when) {
        timer_ = host_.loop.at(*when, [this] { on_deadline(); });
    }
}

// ---- effects ----

core::AggregationChanged LacpAgent::verdict() const {
    core::AggregationChanged now{{}, system_.carrier()};
    for (const auto &port : system_.ports()) {
        now.ports.push_back({port.slot, system_.collecting(port.slot), system_.distributing(port.slot)});
    }
    return now;
}

core::AggregationChanged LacpAgent::without_joining(core::AggregationChanged now) const {
    for (auto &port : now.ports) {
        const auto *slave = core::find_slave(bond_, port.slot);
        port.distributing = port.distributing && slave != nullptr && !slave->backup;
    }
    now.carrier = now.carrier && bond_.carrier;
    return now;
}

void LacpAgent::tell(const core::AggregationChanged &now) {
    if (told_ != now) {
        told_ = now;
        ++generation_;
        owner_.verdict(now);
    }
}

// Who leaves is out of the tables before the partner hears of it; who joins comes in after.
void LacpAgent::carry_out(lacp::Effects &&effects) {
    if (!effects.settled) {
        spdlog::error("{}: the LACP machines do not come to rest: please report this", bond_.name);
    }
    const auto now = verdict();
    tell(without_joining(now));
    for (const auto &frame : effects.frames) {
        send(frame);
    }
    tell(now);
    for (const auto &transition : effects.transitions) {
        record(transition);
    }
    changed_ = changed_ || !effects.transitions.empty();
    unsaved_ = unsaved_ || changed_ || !effects.frames.empty();
}

void LacpAgent::send(const lacp::FrameToSend &frame) {
    const auto port = ports_.find(frame.slot);
    const auto sent = port == ports_.end() ? fail(ENODEV, "no channel") : port->second.channel.send(frame.bytes);
    if (!sent) {
        spdlog::debug("{}: slot {}: an LACP frame was not sent: {}", bond_.name, frame.slot, sent.error().message);
        if (!frame.is_marker) {
            system_.send_failed(frame.slot, sys::now());
        }
    }
}

std::optional<Result<void>> LacpAgent::send_by_xsk(SlotId slot, std::span<const std::uint8_t> frame) {
    const auto port = ports_.find(slot);
    if (port == ports_.end() || !port->second.channel.uses_xdp()) {
        return std::nullopt;
    }
    return port->second.channel.send(frame);
}

void LacpAgent::record(const lacp::Transition &t) {
    const auto port = ports_.find(t.slot);
    owner_.record({t.when, std::string(t.machine), port == ports_.end() ? std::string() : port->second.name, t.from,
                   t.to, std::string(t.cause)});
}

show::LacpView LacpAgent::view() const {
    show::LacpView view{system_.save(), {}, generation_, sys::now()};
    for (const auto &[slot, port] : ports_) {
        const auto *last = system_.last_transition(slot);
        view.ports[slot] = {std::string(port.channel.way()), port.channel.xsk_queues(), port.channel.dropped(),
                            port.channel.xsk_sent(), last == nullptr ? std::nullopt : std::optional(*last)};
    }
    return view;
}

show::LacpHistory LacpAgent::history() const {
    show::LacpHistory all;
    for (const auto &[slot, port] : ports_) {
        for (const auto *records : {&system_.received(slot), &system_.sent(slot)}) {
            for (const auto &record : *records) {
                all.push_back({port.name, record});
            }
        }
    }
    std::ranges::stable_sort(all, {}, [](const auto &entry) { return entry.record.when; });
    return all;
}

void LacpAgent::save() {
    const Time now = sys::now();
    if (!unsaved_ || (!changed_ && now < saved_at_ + save_interval)) {
        return;
    }
    unsaved_ = changed_ = false;
    saved_at_ = now;
    host_.files.soon(lacp_file(host_.state_dir, bond_.name), text_of(system_.save()), sys::Durable::no,
                     [bond = bond_.name](const Error &error) {
                         spdlog::error("{}: LACP state not saved: {}", bond, error.message);
                     });
}

} // namespace xbond::daemon
