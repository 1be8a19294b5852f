/* SPDX-License-Identifier: MIT
 *
 * What the files of the library share.
 */
#ifndef XBOND_XSK_INTERNAL_H
#define XBOND_XSK_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xbond/view.h"
#include "xbond/xsk.h"

#define API __attribute__((visibility("default")))

/* Says why, for xbond_error(), and gives -code. */
int failed(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint64_t now_ms(void);

/* ---- control.c: xbondd's socket ---- */
#define MAX_DESCRIPTORS (1 + XB_XSK_RULES)

struct control {
	int fd; /* -1: not connected */
	int n_descriptors;
	int descriptors[MAX_DESCRIPTORS]; /* that came with the answer; the view's first */
};

/* Asks for a bond's view, and for maps of sockets; the descriptors are the caller's. */
int control_open(struct control *control, const char *socket_path, const char *bond, bool sockets, int timeout_ms);
/* What has come since: CONTROL_*, never waits. */
enum control_news { CONTROL_NOTHING, CONTROL_CHANGED, CONTROL_GONE, CONTROL_CLOSED };
enum control_news control_read(struct control *control);
void control_close_descriptors(struct control *control);

/* ---- state.c ---- */
struct xbond_state {
	const struct xb_view *view; /* shared with the kernel */
	struct xb_view copy;        /* of one moment, see state_refresh() */
	struct control control;
	char bond[16];
	char socket[108]; /* "": the network namespace's */
	int timeout_ms;
	bool sockets; /* maps of sockets are asked for, too */
	bool gone;
	int epoll, timer; /* the timer runs while there is no connection */
	uint32_t usable;  /* slots that the caller can send on */
	uint32_t round_robin;
	uint32_t connections; /* how often one was made */
};

/* Takes over what is published now; cheap when nothing has changed. */
void state_refresh(struct xbond_state *state);
int state_open(struct xbond_state **state, const char *bond, const char *socket_path, int timeout_ms, bool sockets);

static inline uint32_t view_word(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* ---- select.c: on `copy`, which is to be fresh ---- */
struct selection {
	int n;
	bool failover;
	struct xbond_choice choices[XBOND_MAX_SLAVES];
};
/* The slots that the mode sends on at this moment: its choice, or what takes the place of one that cannot send. */
uint32_t state_senders(const struct xbond_state *state);
void state_select(struct xbond_state *state, const void *frame, size_t size, struct selection *selection);

/* ---- socket.c: one AF_XDP socket ---- */
struct ring {
	_Atomic uint32_t *producer, *consumer, *flags;
	void *entries;
	uint32_t size, mask, at; /* at: of the side that is ours */
	void *map;
	size_t map_size;
};

struct memory { /* that all sockets share */
	uint8_t *start;
	uint64_t size;
	uint32_t frame_size;
};

struct port {
	int fd;
	uint32_t ifindex, queue;
	uint8_t slot;
	bool zero_copy;
	uint32_t filled;     /* frames that the kernel has to receive into */
	bool wants_kick;
	struct ring rx, tx, fill, done;
};

/* Binds; `siblings`: ports whose registration of the memory is shared where the kernel lets it. EBUSY: the queue has
 * another socket, or one that was closed a moment ago. */
int port_open(struct port *port, const struct memory *memory, uint32_t ring_size, uint32_t flags,
	      struct port *const *siblings, int n_siblings);
void port_close(struct port *port);

/* Producer rings: room now; consumer rings: entries now. */
uint32_t ring_room(struct ring *ring);
uint32_t ring_waiting(struct ring *ring);
void ring_submit(struct ring *ring, uint32_t n);  /* of a producer */
void ring_release(struct ring *ring, uint32_t n); /* of a consumer */
bool ring_needs_wakeup(const struct ring *ring);

#endif
