// SPDX-License-Identifier: MIT
// Counts what a bond receives by AF_XDP, once a second, by slave.
//   xbond xsk allow bond0 group GROUP match udp dst 4789
//   cc count.c -lxbond-xsk -o count && ./count bond0 [SOCKET]
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <xbond/xsk.h>

#define BATCH 64

static void say(const char *line, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv)
{
	struct xbond_xsk_options options = { .size = sizeof(options), .socket = argc > 2 ? argv[2] : NULL, .log = say };
	struct xbond_frame frames[BATCH];
	struct xbond_xsk *xsk;
	uint64_t packets = 0, bytes = 0;
	time_t last = time(NULL);

	if (argc < 2 || xbond_xsk_open(&xsk, argv[1], &options) != 0) {
		fprintf(stderr, "count: %s\n", argc < 2 ? "which bond?" : xbond_error());
		return 1;
	}
	while (xbond_xsk_wait(xsk, 200) >= 0) {
		int n;

		while ((n = xbond_xsk_rx(xsk, frames, BATCH)) > 0) {
			for (int i = 0; i < n; i++)
				bytes += frames[i].size;
			packets += (uint64_t)n;
			xbond_xsk_release(xsk, frames, n);
		}
		if (time(NULL) != last) {
			last = time(NULL);
			printf("%" PRIu64 " packets, %" PRIu64 " bytes\n", packets, bytes);
			fflush(stdout);
		}
	}
	fprintf(stderr, "count: %s\n", xbond_error());
	xbond_xsk_close(xsk);
	return 1;
}
