/* SPDX-License-Identifier: MIT
 *
 * Loads the first program of an object that uses xbond.bpf.h, with the maps of a bond, onto a device of this network
 * namespace; until the kernel forgets it: `ip link set DEVICE xdp off`, `tc qdisc del dev DEVICE clsact`.
 *
 *   cc -I/usr/include/xbond/bpf load.c -lbpf -o load
 *   ./load xdp_uplink.o bond0 veth7
 */
#include <net/if.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <xbond_use.h>

static int failed(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error < 0 ? -error : error));
	return EXIT_FAILURE;
}

static int attach(const struct bpf_program *program, int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(program));
	int error;

	if (bpf_program__type(program) == BPF_PROG_TYPE_XDP)
		return bpf_xdp_attach(ifindex, bpf_program__fd(program), 0, NULL);
	error = bpf_tc_hook_create(&hook);
	return error && error != -EEXIST ? error : bpf_tc_attach(&hook, &options);
}

int main(int argc, char **argv)
{
	const char *bpffs = getenv("XBOND_BPFFS");
	struct bpf_object *object;
	struct stat netns;
	char dir[256];
	int error;

	if (argc != 4) {
		fprintf(stderr, "Usage: %s OBJECT BOND DEVICE\n", argv[0]);
		return EXIT_FAILURE;
	}
	if (stat("/proc/self/ns/net", &netns))
		return failed("/proc/self/ns/net", errno);
	snprintf(dir, sizeof(dir), "%s/xbond/%lu/%s", bpffs ? bpffs : "/sys/fs/bpf", (unsigned long)netns.st_ino, argv[2]);
	object = bpf_object__open(argv[1]);
	if (!object)
		return failed(argv[1], errno);
	error = xbond_use_bond(object, dir);
	if (error)
		return failed(dir, error);
	error = bpf_object__load(object);
	if (error)
		return failed(argv[1], error);
	error = attach(bpf_object__next_program(object, NULL), (int)if_nametoindex(argv[3]));
	return error ? failed(argv[3], error) : EXIT_SUCCESS;
}
