// SPDX-License-Identifier: MIT
// Shows a bond's state whenever it changes: for programs that have sockets on the slaves themselves.
//   cc state.c -lxbond-xsk -o state && ./state bond0 [SOCKET]
#include <inttypes.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <xbond/xsk.h>

static void show(const struct xbond_bond *bond)
{
	char name[IF_NAMESIZE];

	printf("mode %u policy %u, %u slaves\n", bond->mode, bond->policy, bond->n_slaves);
	for (uint32_t i = 0; i < bond->n_slaves; i++) {
		const struct xbond_slave *slave = &bond->slaves[i];

		printf("  %s: %u queues,%s%s%s\n", if_indextoname(slave->ifindex, name) ? name : "?", slave->queues,
		       slave->carrier ? " carrier" : "", slave->may_send ? " sends" : "", slave->heard ? " heard" : "");
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct xbond_open_options options = { .size = sizeof(options), .socket = argc > 2 ? argv[2] : NULL };
	struct xbond_state *state;
	struct xbond_bond bond;
	uint64_t shown = 0;

	if (argc < 2 || xbond_state_open(&state, argv[1], &options) != 0) {
		fprintf(stderr, "state: %s\n", argc < 2 ? "which bond?" : xbond_error());
		return 1;
	}
	do {
		struct pollfd news = { .fd = xbond_state_fd(state), .events = POLLIN };

		if (xbond_state_sequence(state) != shown) {
			xbond_state_get(state, &bond);
			shown = bond.sequence;
			show(&bond);
		}
		poll(&news, 1, 100);
	} while (xbond_state_update(state) >= 0);
	fprintf(stderr, "state: %s\n", xbond_error());
	xbond_state_close(state);
	return 1;
}
