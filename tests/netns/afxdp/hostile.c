/* SPDX-License-Identifier: MIT
 *
 * What an application may have of a bond it has; then it tries for more. Says what it got that it should not have, and
 * ends with 1; 0: nothing. Then, with a third argument, it keeps its sockets, and reads nothing, until it is killed.
 *   xb_hostile_application BOND CONTROL PINS [stay]
 */
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "xbond/xsk.h"

static int got;

static void note(int success, const char *what, int which)
{
	if (!success)
		return;
	got = 1;
	printf("got: %s (%d)\n", what, which);
}

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/* A descriptor that is not a socket, or one of an XSKMAP: only sockets of its own may go in there, which is the right. */
static void try_map(int fd)
{
	static char value[1 << 16];
	struct bpf_map_info info = { 0 };
	union bpf_attr attr = { .info = { .bpf_fd = (uint32_t)fd, .info_len = sizeof(info) } };
	uint32_t key = 0;
	void *at;

	attr.info.info = (uint64_t)(uintptr_t)&info;
	bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
	for (int flags = 0; flags < 3; flags++) {
		memset(&attr, 0, sizeof(attr));
		attr.map_fd = (uint32_t)fd;
		attr.key = (uint64_t)(uintptr_t)&key;
		attr.value = (uint64_t)(uintptr_t)value;
		attr.flags = (uint64_t)flags;
		note(bpf(BPF_MAP_UPDATE_ELEM, &attr) == 0, "a map written", (int)info.type);
	}
	at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	note(at != MAP_FAILED, "a map that can be written through memory", (int)info.type);
	at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		note(mprotect(at, 4096, PROT_READ | PROT_WRITE) == 0, "a map made writable", (int)info.type);
}

static void try_descriptors(void)
{
	DIR *const all = opendir("/proc/self/fd");

	for (const struct dirent *entry; all && (entry = readdir(all));) {
		char path[300], target[64] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		if (readlink(path, target, sizeof(target) - 1) > 0 && strstr(target, "bpf-map"))
			try_map(atoi(entry->d_name));
	}
	closedir(all);
}

static void try_kernel(const char *pins)
{
	static const char *const names[] = { "xb_table", "xb_xsk", "xb_xsk_apps", "xb_stamps", "xb_lb", "xb_view" };
	char path[400];

	for (uint32_t id = 0; id < 100000; id++) {
		union bpf_attr attr = { .map_id = id };
		uint32_t next;

		if (bpf(BPF_MAP_GET_NEXT_ID, &attr) != 0)
			break;
		next = attr.next_id;
		attr = (union bpf_attr){ .map_id = next };
		note(bpf(BPF_MAP_GET_FD_BY_ID, &attr) >= 0, "a map by its number", (int)next);
		id = next;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		union bpf_attr attr = { 0 };

		snprintf(path, sizeof(path), "%s/%s", pins, names[i]);
		attr.pathname = (uint64_t)(uintptr_t)path;
		note(bpf(BPF_OBJ_GET, &attr) >= 0, names[i], 0);
	}
}

static void try_request(const char *control, const char *request)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char answer[4096];
	ssize_t n;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", control);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    write(fd, request, strlen(request)) < 0) {
		printf("no xbondd: %s\n", strerror(errno));
		exit(2);
	}
	n = read(fd, answer, sizeof(answer) - 1);
	answer[n > 0 ? n : 0] = 0;
	note(strstr(answer, "\"ok\":true") != NULL, request, 0);
	close(fd);
}

int main(int argc, char **argv)
{
	struct xbond_xsk_options options = { .size = sizeof(options), .socket = argc > 2 ? argv[2] : NULL };
	struct xbond_xsk *xsk;
	char request[200];

	if (argc < 4)
		return 2;
	if (xbond_xsk_open(&xsk, argv[1], &options) != 0) {
		printf("%s\n", xbond_error());
		return 2;
	}
	try_descriptors();
	try_kernel(argv[3]);
	snprintf(request, sizeof(request), "{\"v\":1,\"cmd\":\"link.set\",\"name\":\"%s\",\"options\":[[\"xsk_allow\",\"group 0 match all\"]]}\n",
		 argv[1]);
	try_request(argv[2], request);
	snprintf(request, sizeof(request), "{\"v\":1,\"cmd\":\"port.add\",\"name\":\"%s\",\"port\":\"lo\"}\n", argv[1]);
	try_request(argv[2], request);
	printf("%s\n", got ? "too much" : "nothing more");
	fflush(stdout);
	if (argc > 4)
		for (;;)
			pause();
	xbond_xsk_close(xsk);
	return got;
}
