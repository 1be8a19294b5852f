/* SPDX-License-Identifier: MIT
 *
 * For who loads a program with xbond.bpf.h: gives it the maps of one bond. In C and C++, with libbpf.
 */
#ifndef XBOND_USE_H
#define XBOND_USE_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* Between open and load. `dir`: /sys/fs/bpf/xbond/<inode of the network namespace>/<bond>. 0, or a negative errno: -ENOENT
 * where there is no such bond, or its xbondd is too old. */
static inline int xbond_use_bond(struct bpf_object *object, const char *dir)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);
		char path[512];
		int fd, error;

		if (strncmp(name, ".data.", 6) == 0)
			name += 6;
		if (strncmp(name, "xb_", 3) != 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
			return -ENAMETOOLONG;
		fd = bpf_obj_get(path);
		if (fd < 0)
			return -errno;
		error = bpf_map__reuse_fd(map, fd);
		close(fd);
		if (error)
			return error;
	}
	return 0;
}

#endif
