// SPDX-License-Identifier: MIT
// Sends every frame back to where it came from (addresses of Ethernet, IPv4 and UDP exchanged), through the bond: each
// leaves on the slave that the bond's mode takes for it.
//   cc echo.c -lxbond-xsk -o echo && ./echo bond0 [SOCKET]
#include <stdio.h>
#include <string.h>
#include <xbond/xsk.h>

#define BATCH 64

static void exchange(uint8_t *a, uint8_t *b, size_t size)
{
	uint8_t kept[8];

	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
}

static void turn_round(uint8_t *frame, uint32_t size)
{
	if (size < 14)
		return;
	exchange(frame, frame + 6, 6);
	if (size < 42 || frame[12] != 8 || frame[13] != 0 || frame[14] != 0x45)
		return;
	exchange(frame + 26, frame + 30, 4);
	if (frame[23] == 17)
		exchange(frame + 34, frame + 36, 2);
}

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

	if (argc < 2 || xbond_xsk_open(&xsk, argv[1], &options) != 0) {
		fprintf(stderr, "echo: %s\n", argc < 2 ? "which bond?" : xbond_error());
		return 1;
	}
	while (xbond_xsk_wait(xsk, 200) >= 0) {
		const int n = xbond_xsk_rx(xsk, frames, BATCH);
		int sent;

		for (int i = 0; i < n; i++)
			turn_round(frames[i].data, frames[i].size);
		sent = xbond_xsk_tx(xsk, frames, n);
		xbond_xsk_release(xsk, frames + sent, n - sent); /* the rings are full */
	}
	fprintf(stderr, "echo: %s\n", xbond_error());
	xbond_xsk_close(xsk);
	return 1;
}
