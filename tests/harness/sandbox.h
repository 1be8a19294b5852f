// SPDX-License-Identifier: MIT
// The private mount namespace of a test process: /run is a tmpfs of its own, which holds sockets, state and bpffs
// mounts (pins). All of it goes away with the process, however it ends.
#pragma once

#include <filesystem>
#include <string>

namespace xbond::harness {

// Enters the private mount namespace on first use. Call from the main thread before threads are started.
void enter_sandbox();

class TempDir { // below /run of the sandbox
public:
    explicit TempDir(const std::string &prefix);
    TempDir(const TempDir &) = delete;
    TempDir &operator=(const TempDir &) = delete;
    ~TempDir();
    const std::filesystem::path &path() const { return path_; }

private:
    std::filesystem::path path_;
};

class BpfFs { // a fresh bpffs: no pin of another test is ever seen
public:
    BpfFs();
    BpfFs(const BpfFs &) = delete;
    BpfFs &operator=(const BpfFs &) = delete;
    ~BpfFs();
    const std::filesystem::path &path() const { return dir_.path(); }

private:
    TempDir dir_;
};

} // namespace xbond::harness
