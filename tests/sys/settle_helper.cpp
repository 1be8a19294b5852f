// SPDX-License-Identifier: MIT
// Run by settle_test through `ip netns exec`: settles the bpffs and pins a map there, then ends.
#include <cstdio>
#include <cstdlib>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/sys/netns.h"

int main(int argc, char **argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s PIN-NAME\n", argv[0]);
        return 2;
    }
    const auto dir = xbond::sys::settle_bpffs(std::nullopt);
    if (!dir) {
        std::fprintf(stderr, "settle_bpffs: %s\n", dir.error().message.c_str());
        return 1;
    }
    bpf_attr map{};
    map.map_type = BPF_MAP_TYPE_ARRAY;
    map.key_size = 4;
    map.value_size = 8;
    map.max_entries = 1;
    const long fd = ::syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map);
    const std::string path = *dir / argv[1];
    bpf_attr pin{};
    pin.pathname = reinterpret_cast<std::uintptr_t>(path.c_str());
    pin.bpf_fd = static_cast<std::uint32_t>(fd);
    if (fd < 0 || ::syscall(SYS_bpf, BPF_OBJ_PIN, &pin, sizeof pin) != 0) {
        std::perror("cannot pin a map");
        return 1;
    }
    return 0;
}
