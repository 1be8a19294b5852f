/* SPDX-License-Identifier: MIT */
#include "tests/xsk/library_state.h"

#include <stdlib.h>

#include "xsk/internal.h"

struct xbond_state *library_state(const struct xb_view *view)
{
	struct xbond_state *state = calloc(1, sizeof(*state));

	if (!state)
		abort();
	state->view = view;
	state->usable = UINT32_MAX;
	state->copy.seq = 1; /* of no moment */
	return state;
}

void library_state_free(struct xbond_state *state)
{
	free(state);
}
