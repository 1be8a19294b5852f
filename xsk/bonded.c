/* SPDX-License-Identifier: MIT
 *
 * One object over all slaves and receive queues: its life, and its frames.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_xdp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xsk/bonded.h"

#define DEFAULT_FRAMES 2048
#define DEFAULT_FRAME_SIZE 2048
#define DEFAULT_RING 512
#define DEFAULT_TIMEOUT_MS 10000
#define LONGEST_WAIT_MS 50 /* while something is due */

/* ---- life ---- */

static int check(struct xbond_xsk_options *options, const struct xbond_xsk_options *given)
{
	if (given)
		memcpy(options, given, given->size < sizeof(*options) ? given->size : sizeof(*options));
	options->frames = options->frames ? options->frames : DEFAULT_FRAMES;
	options->frame_size = options->frame_size ? options->frame_size : DEFAULT_FRAME_SIZE;
	options->ring_size = options->ring_size ? options->ring_size : DEFAULT_RING;
	options->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
	if (options->frame_size != 2048 && options->frame_size != 4096)
		return failed(EINVAL, "frame_size is 2048 or 4096, not %u", options->frame_size);
	if (options->ring_size & (options->ring_size - 1) || options->ring_size > 32768)
		return failed(EINVAL, "ring_size is a power of two up to 32768, not %u", options->ring_size);
	if (options->frames < 64 || options->frames > 1U << 24)
		return failed(EINVAL, "frames is a number from 64 to %u, not %u", 1U << 24, options->frames);
	return 0;
}

static int make_memory(struct xbond_xsk *xsk)
{
	const uint32_t n = xsk->options.frames;

	xsk->memory.frame_size = xsk->options.frame_size;
	xsk->memory.size = (uint64_t)n * xsk->options.frame_size;
	xsk->memory.start = mmap(NULL, xsk->memory.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	xsk->frames = calloc(n, sizeof(*xsk->frames));
	xsk->free_list = calloc(n, sizeof(*xsk->free_list));
	if (xsk->memory.start == MAP_FAILED || !xsk->frames || !xsk->free_list)
		return failed(ENOMEM, "no memory for %u frames", n);
	for (uint32_t i = n; i > 0; i--)
		set_free(xsk, i - 1);
	return 0;
}

/* Queues that somebody has: an AF_XDP socket that was closed gives its queue back only after a grace period or two. */
static int open_sockets(struct xbond_xsk *xsk)
{
	const uint64_t end = now_ms() + (uint64_t)xsk->options.timeout_ms;
	char line[600];
	int code = follow(xsk);

	if (code == -EBUSY) {
		snprintf(line, sizeof(line), "waiting: %s", xbond_error());
		say(xsk, line);
	}
	while ((code == -EBUSY || code == -ENOBUFS) && now_ms() < end) {
		poll(NULL, 0, 10);
		code = follow(xsk);
	}
	return code;
}

API int xbond_xsk_open(struct xbond_xsk **out, const char *bond, const struct xbond_xsk_options *options)
{
	struct xbond_xsk *xsk = calloc(1, sizeof(*xsk));
	struct epoll_event event = { .events = EPOLLIN };
	int code;

	if (!xsk || !bond) {
		free(xsk);
		return failed(xsk ? EINVAL : ENOMEM, "no bond is named");
	}
	xsk->memory.start = MAP_FAILED;
	xsk->epoll = epoll_create1(EPOLL_CLOEXEC);
	code = xsk->epoll < 0 ? failed(errno, "no descriptors: %s", strerror(errno)) : check(&xsk->options, options);
	if (code == 0)
		code = make_memory(xsk);
	if (code == 0)
		code = state_open(&xsk->state, bond, xsk->options.socket, xsk->options.timeout_ms, true);
	if (code == 0 && epoll_ctl(xsk->epoll, EPOLL_CTL_ADD, xbond_state_fd(xsk->state), &event) != 0)
		code = failed(errno, "cannot watch a descriptor: %s", strerror(errno));
	if (code == 0) {
		xsk->connections = xsk->state->connections;
		code = open_sockets(xsk);
	}
	if (code != 0) {
		xbond_xsk_close(xsk);
		return code;
	}
	*out = xsk;
	return 0;
}

API void xbond_xsk_close(struct xbond_xsk *xsk)
{
	if (!xsk)
		return;
	while (xsk->n_ports > 0) {
		port_close(xsk->ports[--xsk->n_ports]);
		free(xsk->ports[xsk->n_ports]);
	}
	xbond_state_close(xsk->state);
	if (xsk->epoll >= 0)
		close(xsk->epoll);
	if (xsk->memory.start != MAP_FAILED)
		munmap(xsk->memory.start, xsk->memory.size);
	free(xsk->frames);
	free(xsk->free_list);
	free(xsk);
}

API struct xbond_state *xbond_xsk_state(struct xbond_xsk *xsk)
{
	return xsk->state;
}

/* Only now: while a descriptor watches a socket the kernel wakes it for each frame that has left, which costs a tenth of
 * what sending costs. */
API int xbond_xsk_fd(const struct xbond_xsk *given)
{
	struct xbond_xsk *const xsk = (struct xbond_xsk *)given;

	for (int i = 0; i < xsk->n_ports && !xsk->watched; i++)
		watch_port(xsk, xsk->ports[i]);
	xsk->watched = true;
	return xsk->epoll;
}

/* ---- frames ---- */

static void describe(const struct xbond_xsk *xsk, struct xbond_frame *out, uint32_t frame, uint64_t offset)
{
	out->data = xsk->memory.start + address_of(xsk, frame) + offset;
	out->frame = frame;
}

static int receive(struct xbond_xsk *xsk, int index, struct xbond_frame *frames, int n)
{
	struct port *port = xsk->ports[index];
	const struct xdp_desc *entries = port->rx.entries;
	uint32_t here = ring_waiting(&port->rx);

	if (here > (uint32_t)n)
		here = (uint32_t)n;
	for (uint32_t i = 0; i < here; i++) {
		const struct xdp_desc *entry = &entries[(port->rx.at + i) & port->rx.mask];
		const uint32_t frame = (uint32_t)(entry->addr / xsk->memory.frame_size);

		describe(xsk, &frames[i], frame, entry->addr % xsk->memory.frame_size);
		frames[i].size = entry->len;
		frames[i].ifindex = port->ifindex;
		frames[i].queue = port->queue;
		xsk->frames[frame].place = CALLER;
	}
	if (here) {
		ring_release(&port->rx, here);
		port->filled -= here;
	}
	fill(xsk, index);
	if (ring_needs_wakeup(&port->fill) && here == 0)
		recvfrom(port->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
	return (int)here;
}

/* What has left comes back. */
static void complete(struct xbond_xsk *xsk, struct port *port)
{
	const uint64_t *entries = port->done.entries;
	const uint32_t n = ring_waiting(&port->done);

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t frame = (uint32_t)(entries[(port->done.at + i) & port->done.mask] / xsk->memory.frame_size);

		if (xsk->frames[frame].place == KERNEL && --xsk->frames[frame].copies == 0)
			set_free(xsk, frame);
	}
	if (n)
		ring_release(&port->done, n);
}

static void kick(struct port *port)
{
	if (!port->wants_kick)
		return;
	if (ring_needs_wakeup(&port->tx) && sendto(port->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
	    (errno == EAGAIN || errno == EBUSY || errno == ENOBUFS))
		return; /* the driver is busy: again the next time */
	port->wants_kick = ring_room(&port->tx) != port->tx.size;
}

static void complete_all(struct xbond_xsk *xsk)
{
	for (int i = 0; i < xsk->n_ports; i++) {
		complete(xsk, xsk->ports[i]);
		kick(xsk->ports[i]);
	}
}

API int xbond_xsk_rx(struct xbond_xsk *xsk, struct xbond_frame *frames, int n)
{
	int got = 0;

	look_for_news(xsk);
	complete_all(xsk);
	for (int i = 0; i < xsk->n_ports && got < n; i++) {
		xsk->next_rx = (xsk->next_rx + 1) % xsk->n_ports;
		got += receive(xsk, xsk->next_rx, frames + got, n - got);
	}
	xsk->stats.rx_packets += (uint64_t)got;
	return got;
}

API void xbond_xsk_release(struct xbond_xsk *xsk, const struct xbond_frame *frames, int n)
{
	for (int i = 0; i < n; i++)
		if (frames[i].frame < xsk->options.frames && xsk->frames[frames[i].frame].place == CALLER)
			set_free(xsk, frames[i].frame);
}

API int xbond_xsk_alloc(struct xbond_xsk *xsk, struct xbond_frame *frames, int n)
{
	int i;

	if (xsk->n_free < (uint32_t)n)
		complete_all(xsk);
	for (i = 0; i < n && xsk->n_free > 0; i++) {
		frames[i] = (struct xbond_frame){ .size = xsk->memory.frame_size };
		describe(xsk, &frames[i], take_free(xsk, CALLER), 0);
	}
	return i;
}

static int port_for(const struct xbond_xsk *xsk, const struct xbond_choice *choice, uint32_t queue)
{
	int found[XB_XSK_QUEUES], n = 0;

	for (int i = 0; i < xsk->n_ports && n < XB_XSK_QUEUES; i++)
		if (xsk->ports[i]->slot == choice->slot)
			found[n++] = i;
	return n ? found[queue % (uint32_t)n] : -1;
}

static bool has_room(struct xbond_xsk *xsk, struct port *port)
{
	if (ring_room(&port->tx))
		return true;
	port->wants_kick = true;
	kick(port);
	complete(xsk, port);
	return ring_room(&port->tx) != 0;
}

/* The kernel would refuse what is not within one frame, and never give the frame back. */
static bool is_whole(const struct xbond_xsk *xsk, const struct xbond_frame *frame)
{
	const uint8_t *const start = xsk->memory.start + address_of(xsk, frame->frame), *const data = frame->data;

	return data >= start && data < start + xsk->memory.frame_size && frame->size > 0 &&
	       frame->size <= (size_t)(start + xsk->memory.frame_size - data);
}

/* To all ports or, where one is full, to none. */
static bool send_frame(struct xbond_xsk *xsk, const struct xbond_frame *frame, const struct selection *selection)
{
	const uint64_t offset = (uint64_t)((uint8_t *)frame->data - xsk->memory.start);
	int ports[XB_MAX_SLAVES], n = 0;

	for (int i = 0; i < selection->n; i++) {
		const int index = port_for(xsk, &selection->choices[i], frame->queue);

		if (index < 0)
			continue;
		if (!has_room(xsk, xsk->ports[index]))
			return false;
		ports[n++] = index;
	}
	if (n == 0) {
		xsk->stats.tx_dropped++;
		set_free(xsk, frame->frame);
		return true;
	}
	if (n == 1 && selection->choices[0].set_source && frame->size >= XB_L2_LEN)
		memcpy((uint8_t *)frame->data + 6, selection->choices[0].source, 6);
	xsk->frames[frame->frame] = (struct frame){ KERNEL, (uint8_t)n, n == 1 ? (uint16_t)ports[0] : SEVERAL_PORTS };
	for (int i = 0; i < n; i++) {
		struct port *port = xsk->ports[ports[i]];
		struct xdp_desc *entry = &((struct xdp_desc *)port->tx.entries)[port->tx.at & port->tx.mask];

		*entry = (struct xdp_desc){ .addr = offset, .len = frame->size };
		ring_submit(&port->tx, 1);
		port->wants_kick = true;
	}
	xsk->stats.tx_packets += (uint64_t)n;
	xsk->stats.tx_failover += selection->failover;
	return true;
}

API int xbond_xsk_tx(struct xbond_xsk *xsk, const struct xbond_frame *frames, int n)
{
	struct selection selection;
	int i;

	look_for_news(xsk);
	state_refresh(xsk->state);
	for (i = 0; i < n; i++) {
		const struct xbond_frame *frame = &frames[i];

		if (frame->frame >= xsk->options.frames || xsk->frames[frame->frame].place != CALLER || !is_whole(xsk, frame))
			break;
		state_select(xsk->state, frame->data, frame->size, &selection);
		if (!send_frame(xsk, frame, &selection))
			break;
	}
	complete_all(xsk);
	return i;
}

API int xbond_xsk_wait(struct xbond_xsk *xsk, int timeout_ms)
{
	int code, n;

	for (int i = 0; i < xsk->n_ports; i++)
		if (ring_waiting(&xsk->ports[i]->rx))
			return 1;
	complete_all(xsk);
	if ((xsk->retry_at || xsk->quarantine_until) && (timeout_ms < 0 || timeout_ms > LONGEST_WAIT_MS))
		timeout_ms = LONGEST_WAIT_MS;
	xsk->polled[0] = (struct pollfd){ .fd = xbond_state_fd(xsk->state), .events = POLLIN };
	for (int i = 0; i < xsk->n_ports; i++)
		xsk->polled[i + 1] = (struct pollfd){ .fd = xsk->ports[i]->fd, .events = POLLIN };
	n = poll(xsk->polled, (nfds_t)xsk->n_ports + 1, timeout_ms);
	code = xbond_state_update(xsk->state);
	if (code == -ENODEV)
		return code;
	look_for_news(xsk);
	return n > 0;
}

API void xbond_xsk_get_stats(struct xbond_xsk *xsk, struct xbond_xsk_stats *stats)
{
	*stats = xsk->stats;
	stats->sockets = (uint32_t)xsk->n_ports;
	stats->waiting = xsk->waiting;
	stats->free_frames = xsk->n_free;
	for (int i = 0; i < xsk->n_ports; i++) {
		struct xdp_statistics kernel = { 0 };
		socklen_t length = sizeof(kernel);

		stats->zero_copy += xsk->ports[i]->zero_copy;
		if (getsockopt(xsk->ports[i]->fd, SOL_XDP, XDP_STATISTICS, &kernel, &length) != 0)
			continue;
		stats->rx_ring_full += kernel.rx_ring_full;
		stats->rx_no_frames += kernel.rx_fill_ring_empty_descs + kernel.rx_dropped;
	}
}
