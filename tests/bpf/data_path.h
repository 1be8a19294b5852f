// SPDX-License-Identifier: MIT
// The production objects of one bond, loaded side by side over one set of maps, without the loader: the table is
// filled by hand and the programs run by BPF_PROG_TEST_RUN.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/bpf/probe_select.h"
#include "tests/harness/packet.h"
#include "xbond/abi.h"

struct bpf_object;
struct bpf_program;

namespace xbond::test {

enum class Carrier { kfunc, probe, none };

// A fresh namespace for this process, with bond0 and bond0p (a pair, up) in it.
void enter_bond_netns();

// The best variant that this kernel loads.
Carrier best_carrier();
bool carrier_available(Carrier);

struct Run { // what a program did with a packet
    int verdict = 0;
    Bytes frame;
};

struct RunContext {
    std::uint32_t ifindex = 0; // tc: skb->dev; XDP: the receiving device. 0 = none given
    std::uint32_t mark = 0;
    std::uint32_t gso_segs = 0;
    std::uint32_t rx_queue = 0; // XDP
};

class DataPath {
public:
    // Loads xb_tx (in the given variant), xb_rx, xb_xdp, and xb_watch and the probe where the kernel can read carrier.
    explicit DataPath(const xb_config &config, Carrier carrier = best_carrier());
    ~DataPath();
    DataPath(const DataPath &) = delete;
    DataPath &operator=(const DataPath &) = delete;

    xb_table &table() { return *table_; }
    xb_bank &bank() { return table_->banks[table_->bank & 1]; }
    xb_stamps &stamps() { return *stamps_; }
    xb_lb &lb() { return *lb_; }
    void set_visibility(bool full);

    // A slave in the table, its device learned where xb_watch is loaded. Returns the device's ifindex.
    std::uint32_t set_slot(std::uint32_t slot, const std::string &interface);

    Run tx(const Bytes &frame, const RunContext & = {});
    Run rx(const Bytes &frame, const RunContext &);
    Run xdp(const Bytes &frame, const RunContext &);
    // The probe's record of the selection; knobs as in struct xb_probe.
    xb_probe select(const Bytes &frame, std::uint32_t vlan_tci = 0, std::uint32_t queue_mapping = 0);
    // What xbond.bpf.h chooses in XDP; a tag lies in the frame.
    xb_probe select_xdp(const Bytes &frame);
    // What xb_fwd makes of a frame that comes in on a port; xb_port in TC.
    Run fwd(const Bytes &frame, std::uint32_t port);
    Run port(const Bytes &frame, std::uint32_t port);
    xb_ports &ports() { return *ports_; }
    // The same of what it takes the frame for.
    xb_probe classify(const Bytes &frame, std::uint32_t vlan_tci = 0);

    void arm_watch(std::uint32_t interval_us);
    xb_watch watch() const;

    xb_counters counters(std::uint32_t entry) const; // sum over CPUs
    std::uint64_t tx_packets(std::uint32_t slot) const { return counters(slot).tx_packets; }
    std::vector<xb_event> events(); // those that wait

    int map_fd(const std::string &name) const { return maps_.at(name); }
    int program_fd(const std::string &name) const { return programs_.at(name); }

private:
    template <class Skeleton> void load(const xb_config &config);
    void load_port_programs();
    Run run(const std::string &program, const Bytes &frame, const void *context, std::uint32_t context_size);
    Run run_tc(const std::string &program, const Bytes &frame, const RunContext &context);
    xb_probe run_probe(const std::string &program, const Bytes &frame, const xb_probe &knobs);

    std::vector<std::shared_ptr<void>> objects_;
    std::map<std::string, int> maps_;
    std::map<std::string, int> programs_;
    xb_config config_;
    xb_table *table_ = nullptr;
    xb_stamps *stamps_ = nullptr;
    xb_lb *lb_ = nullptr;
    xb_ports *ports_ = nullptr;
    Carrier carrier_;
    xb_probe *probe_ = nullptr;
};

} // namespace xbond::test
