/* SPDX-License-Identifier: MIT
 *
 * One AF_XDP socket on one receive queue, by plain system calls.
 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xsk/internal.h"

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#define SO_BUSY_POLL_BUDGET 70
#endif
#define BUSY_POLL_US 20
#define BUSY_POLL_BUDGET 64

uint32_t ring_room(struct ring *ring)
{
	return ring->size - (ring->at - atomic_load_explicit(ring->consumer, memory_order_acquire));
}

uint32_t ring_waiting(struct ring *ring)
{
	return atomic_load_explicit(ring->producer, memory_order_acquire) - ring->at;
}

void ring_submit(struct ring *ring, uint32_t n)
{
	ring->at += n;
	atomic_store_explicit(ring->producer, ring->at, memory_order_release);
}

void ring_release(struct ring *ring, uint32_t n)
{
	ring->at += n;
	atomic_store_explicit(ring->consumer, ring->at, memory_order_release);
}

bool ring_needs_wakeup(const struct ring *ring)
{
	return atomic_load_explicit(ring->flags, memory_order_relaxed) & XDP_RING_NEED_WAKEUP;
}

static int refused(const struct port *port, const char *what)
{
	const int code = errno;

	if (code == EPERM)
		return failed(code, "no AF_XDP socket: CAP_NET_RAW is needed");
	if (code == EBUSY)
		return failed(code, "queue %u of device %u is taken: by another AF_XDP socket (xbond: lacp_channel), or by one "
				    "that was closed a moment ago", port->queue, port->ifindex);
	if (code == ENOBUFS)
		return failed(code, "%s: RLIMIT_MEMLOCK is too low for the frames", what);
	return failed(code, "%s, queue %u of device %u: %s", what, port->queue, port->ifindex, strerror(code));
}

static int map_ring(int fd, struct ring *ring, uint32_t size, size_t entry, uint64_t where,
		    const struct xdp_ring_offset *at)
{
	uint8_t *map;

	ring->map_size = at->desc + size * entry;
	map = mmap(NULL, ring->map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)where);
	if (map == MAP_FAILED)
		return -1;
	ring->map = map;
	ring->producer = (_Atomic uint32_t *)(void *)(map + at->producer);
	ring->consumer = (_Atomic uint32_t *)(void *)(map + at->consumer);
	ring->flags = (_Atomic uint32_t *)(void *)(map + at->flags);
	ring->entries = map + at->desc;
	ring->size = size;
	ring->mask = size - 1;
	return 0;
}

static int make_rings(struct port *port, uint32_t size)
{
	static const struct { int option; uint64_t where; size_t entry; } kinds[] = {
		{ XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t) },
		{ XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t) },
		{ XDP_RX_RING, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc) },
		{ XDP_TX_RING, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc) },
	};
	struct ring *const rings[] = { &port->fill, &port->done, &port->rx, &port->tx };
	struct xdp_mmap_offsets offsets;
	socklen_t length = sizeof(offsets);

	for (int i = 0; i < 4; i++)
		if (setsockopt(port->fd, SOL_XDP, kinds[i].option, &size, sizeof(size)) != 0)
			return -1;
	if (getsockopt(port->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) != 0)
		return -1;
	const struct xdp_ring_offset *const at[] = { &offsets.fr, &offsets.cr, &offsets.rx, &offsets.tx };

	for (int i = 0; i < 4; i++)
		if (map_ring(port->fd, rings[i], size, kinds[i].entry, kinds[i].where, at[i]) != 0)
			return -1;
	return 0;
}

/* `sibling`: shares its registration of the memory; null: a registration of our own. */
static int try_bind(struct port *port, const struct memory *memory, uint32_t ring_size, uint32_t flags,
		    const struct port *sibling, uint16_t bind_flags)
{
	struct sockaddr_xdp address = { .sxdp_family = AF_XDP, .sxdp_ifindex = port->ifindex, .sxdp_queue_id = port->queue };
	const struct xdp_umem_reg registration = { .addr = (uint64_t)(uintptr_t)memory->start, .len = memory->size,
						   .chunk_size = memory->frame_size };
	const int on = 1, us = BUSY_POLL_US, budget = BUSY_POLL_BUDGET;

	port->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (port->fd < 0)
		return refused(port, "cannot open an AF_XDP socket");
	if (!sibling && setsockopt(port->fd, SOL_XDP, XDP_UMEM_REG, &registration, sizeof(registration)) != 0)
		return refused(port, "cannot register memory");
	if (make_rings(port, ring_size) != 0)
		return refused(port, "cannot make rings");
	if (flags & XBOND_XSK_BUSY_POLL) {
		setsockopt(port->fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof(on));
		setsockopt(port->fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof(us));
		setsockopt(port->fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof(budget));
	}
	address.sxdp_flags = sibling ? XDP_SHARED_UMEM : (uint16_t)(bind_flags | XDP_USE_NEED_WAKEUP);
	address.sxdp_shared_umem_fd = sibling ? (uint32_t)sibling->fd : 0;
	if (bind(port->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return refused(port, "cannot bind");
	return 0;
}

static void unmap(struct ring *ring)
{
	if (ring->map)
		munmap(ring->map, ring->map_size);
	memset(ring, 0, sizeof(*ring));
}

void port_close(struct port *port)
{
	unmap(&port->rx);
	unmap(&port->tx);
	unmap(&port->fill);
	unmap(&port->done);
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
}

static int attempt(struct port *port, const struct memory *memory, uint32_t ring_size, uint32_t flags,
		   const struct port *sibling, uint16_t bind_flags)
{
	const int code = try_bind(port, memory, ring_size, flags, sibling, bind_flags);

	if (code != 0)
		port_close(port);
	return code;
}

static bool uses_zero_copy(const struct port *port)
{
	struct xdp_options options = { 0 };
	socklen_t length = sizeof(options);

	return getsockopt(port->fd, SOL_XDP, XDP_OPTIONS, &options, &length) == 0 &&
	       (options.flags & XDP_OPTIONS_ZEROCOPY);
}

static struct port *one_of(struct port *const *siblings, int n, bool zero_copy)
{
	for (int i = 0; i < n; i++)
		if (siblings[i]->fd >= 0 && siblings[i]->zero_copy == zero_copy)
			return siblings[i];
	return NULL;
}

/* A registration that is shared is of one kind, with or without copies, whatever the other drivers can. So each kind has
 * its own; and any socket that is bound lends it, not only the one that made it, which may be on a slave that leaves. */
int port_open(struct port *port, const struct memory *memory, uint32_t ring_size, uint32_t flags,
	      struct port *const *siblings, int n_siblings)
{
	const struct port *sibling;
	int code = -EOPNOTSUPP;

	if (!(flags & XBOND_XSK_COPY)) {
		sibling = one_of(siblings, n_siblings, true);
		code = attempt(port, memory, ring_size, flags, sibling, XDP_ZEROCOPY);
	}
	if (code == -EBUSY || code == -EPERM || code == -ENODEV)
		return code;
	if (code != 0) {
		sibling = one_of(siblings, n_siblings, false);
		code = attempt(port, memory, ring_size, flags, sibling, XDP_COPY);
	}
	if (code == 0)
		port->zero_copy = uses_zero_copy(port);
	return code;
}
