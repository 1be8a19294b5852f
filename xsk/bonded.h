/* SPDX-License-Identifier: MIT
 *
 * xbond_xsk, shared by bonded.c (life, frames) and ports.c (which sockets there are).
 *
 * Every frame of the memory is in one place: on the free list, with the caller, or with one port (given for receiving, or
 * on its way out); a frame that goes out by several ports is counted.
 */
#ifndef XBOND_XSK_BONDED_H
#define XBOND_XSK_BONDED_H

#include <poll.h>
#include <sys/types.h>

#include "xsk/internal.h"

#define MAX_PORTS (XB_MAX_SLAVES * XB_XSK_QUEUES)
#define SEVERAL_PORTS 0xffff

enum place { FREE, CALLER, KERNEL, QUARANTINE };

struct frame {
	uint8_t place;
	uint8_t copies; /* KERNEL: how many ports send it */
	uint16_t port;  /* KERNEL: who has it, or SEVERAL_PORTS */
};

struct xbond_xsk {
	struct xbond_xsk_options options;
	struct xbond_state *state;
	struct memory memory;
	struct frame *frames;
	uint32_t *free_list;
	uint32_t n_free;
	struct port *ports[MAX_PORTS];
	int n_ports;
	uint64_t followed; /* sequence of the state that the ports are those of */
	uint32_t connections;
	uint32_t waiting; /* queues that could not be bound */
	uint64_t retry_at, quarantine_until;
	uint32_t calls;
	int next_rx, epoll;
	bool watched; /* the caller has the epoll: it watches the sockets */
	struct pollfd polled[MAX_PORTS + 1];
	struct xbond_xsk_stats stats;
};

static inline uint64_t address_of(const struct xbond_xsk *xsk, uint32_t frame)
{
	return (uint64_t)frame * xsk->memory.frame_size;
}

static inline void set_free(struct xbond_xsk *xsk, uint32_t frame)
{
	xsk->frames[frame].place = FREE;
	xsk->free_list[xsk->n_free++] = frame;
}

static inline uint32_t take_free(struct xbond_xsk *xsk, enum place place)
{
	const uint32_t frame = xsk->free_list[--xsk->n_free];

	xsk->frames[frame] = (struct frame){ .place = (uint8_t)place };
	return frame;
}

void say(const struct xbond_xsk *xsk, const char *line);
/* Gives a port frames to receive into, up to its share. */
void fill(struct xbond_xsk *xsk, int port);
int watch_port(const struct xbond_xsk *xsk, const struct port *port);
/* Sockets where the bond has slaves now. The last failure, or 0. */
int follow(struct xbond_xsk *xsk);
/* What is due: queues to be tried again, frames to be taken back, slaves that have come or gone. */
void look_for_news(struct xbond_xsk *xsk);

#endif
