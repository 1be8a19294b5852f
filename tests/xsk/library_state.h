/* SPDX-License-Identifier: MIT
 *
 * A state of libxbond-xsk that reads the test's own view, without a daemon.
 */
#ifndef XB_LIBRARY_STATE_H
#define XB_LIBRARY_STATE_H

#include "xbond/view.h"

#ifdef __cplusplus
extern "C" {
#endif

struct xbond_state;

struct xbond_state *library_state(const struct xb_view *view); /* which outlives it */
void library_state_free(struct xbond_state *state);

#ifdef __cplusplus
}
#endif

#endif
