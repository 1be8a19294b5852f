/* SPDX-License-Identifier: MIT
 *
 * Which sockets there are: one for each queue of each slave, as slaves come and go.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "xsk/bonded.h"

#define RETRY_MS 50
#define QUARANTINE_MS 200 /* a driver may hold frames of a socket that was closed for a moment */
#define NEWS_EVERY 1024   /* calls of rx and tx between looks at the connection, where nobody waits */

void say(const struct xbond_xsk *xsk, const char *line)
{
	if (xsk->options.log)
		xsk->options.log(line, xsk->options.log_arg);
}

/* A share of the frames, so that all ports can receive and some are left to send. */
void fill(struct xbond_xsk *xsk, int index)
{
	struct port *port = xsk->ports[index];
	const uint32_t share = (uint32_t)(xsk->memory.size / xsk->memory.frame_size / 2) / (uint32_t)xsk->n_ports;
	const uint32_t target = share < port->fill.size ? share : port->fill.size;
	uint32_t n = port->filled < target ? target - port->filled : 0;
	uint64_t *entries = port->fill.entries;

	if (n > xsk->n_free)
		n = xsk->n_free;
	if (n > ring_room(&port->fill))
		n = ring_room(&port->fill);
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t frame = take_free(xsk, KERNEL);

		xsk->frames[frame].port = (uint16_t)index;
		entries[(port->fill.at + i) & port->fill.mask] = address_of(xsk, frame);
	}
	if (n) {
		ring_submit(&port->fill, n);
		port->filled += n;
	}
}

static int give_to_rules(const struct xbond_xsk *xsk, const struct port *port)
{
	const struct control *control = &xsk->state->control;
	uint32_t key = port->slot * XB_XSK_QUEUES + port->queue, value = (uint32_t)port->fd;

	for (int i = 1; i < control->n_descriptors; i++) {
		union bpf_attr attr;

		memset(&attr, 0, sizeof(attr));
		attr.map_fd = (uint32_t)control->descriptors[i];
		attr.key = (uint64_t)(uintptr_t)&key;
		attr.value = (uint64_t)(uintptr_t)&value;
		if (syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) != 0)
			return failed(errno, "cannot take part in a rule: %s", strerror(errno));
	}
	return 0;
}

int watch_port(const struct xbond_xsk *xsk, const struct port *port)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(xsk->epoll, EPOLL_CTL_ADD, port->fd, &event);
}

static int add_port(struct xbond_xsk *xsk, const struct xbond_slave *slave, uint32_t queue)
{
	struct port *port = calloc(1, sizeof(*port));
	char line[128], name[IF_NAMESIZE] = "?";
	int code;

	if (!port || xsk->n_ports == MAX_PORTS) {
		free(port);
		return failed(ENOMEM, "no memory");
	}
	port->ifindex = slave->ifindex;
	port->slot = slave->slot;
	port->queue = queue;
	code = port_open(port, &xsk->memory, xsk->options.ring_size, xsk->options.flags, xsk->ports, xsk->n_ports);
	if (code == 0 && xsk->watched && watch_port(xsk, port) != 0)
		code = failed(errno, "cannot watch a socket: %s", strerror(errno));
	if (code != 0) {
		port_close(port);
		free(port);
		return code;
	}
	xsk->ports[xsk->n_ports++] = port;
	fill(xsk, xsk->n_ports - 1);
	code = give_to_rules(xsk, port); /* from here on it receives */
	snprintf(line, sizeof(line), "%s queue %u: %s", if_indextoname(port->ifindex, name) ? name : "?", queue,
		 port->zero_copy ? "zero copy" : "copies");
	say(xsk, line);
	return code;
}

/* Its frames may be on their way for a moment longer. */
static void drop_port(struct xbond_xsk *xsk, int index)
{
	const uint32_t n = (uint32_t)(xsk->memory.size / xsk->memory.frame_size);
	const int last = --xsk->n_ports;

	port_close(xsk->ports[index]);
	free(xsk->ports[index]);
	xsk->ports[index] = xsk->ports[last];
	for (uint32_t i = 0; i < n; i++) {
		struct frame *frame = &xsk->frames[i];

		if (frame->place == KERNEL && (frame->port == index || frame->port == SEVERAL_PORTS))
			frame->place = QUARANTINE;
		else if (frame->place == KERNEL && frame->port == last)
			frame->port = (uint16_t)index;
	}
	xsk->quarantine_until = now_ms() + QUARANTINE_MS;
}

static void end_quarantine(struct xbond_xsk *xsk)
{
	const uint32_t n = (uint32_t)(xsk->memory.size / xsk->memory.frame_size);

	for (uint32_t i = 0; i < n; i++)
		if (xsk->frames[i].place == QUARANTINE)
			set_free(xsk, i);
	xsk->quarantine_until = 0;
}

static struct port *find_port(const struct xbond_xsk *xsk, const struct xbond_slave *slave, uint32_t queue)
{
	for (int i = 0; i < xsk->n_ports; i++)
		if (xsk->ports[i]->ifindex == slave->ifindex && xsk->ports[i]->slot == slave->slot &&
		    xsk->ports[i]->queue == queue)
			return xsk->ports[i];
	return NULL;
}

static bool still_a_slave(const struct xbond_bond *bond, const struct port *port)
{
	for (uint32_t i = 0; i < bond->n_slaves; i++)
		if (bond->slaves[i].ifindex == port->ifindex && bond->slaves[i].slot == port->slot)
			return true;
	return false;
}

static void set_usable(struct xbond_xsk *xsk)
{
	xsk->state->usable = 0;
	for (int i = 0; i < xsk->n_ports; i++)
		xsk->state->usable |= 1U << xsk->ports[i]->slot;
}

int follow(struct xbond_xsk *xsk)
{
	struct xbond_bond bond;
	int code = 0;

	xbond_state_get(xsk->state, &bond);
	for (int i = xsk->n_ports - 1; i >= 0; i--)
		if (!still_a_slave(&bond, xsk->ports[i]))
			drop_port(xsk, i);
	if (xsk->connections != xsk->state->connections) { /* the maps may be others */
		for (int i = 0; i < xsk->n_ports; i++)
			give_to_rules(xsk, xsk->ports[i]);
		xsk->connections = xsk->state->connections;
	}
	xsk->waiting = 0;
	for (uint32_t i = 0; i < bond.n_slaves; i++) {
		const struct xbond_slave *slave = &bond.slaves[i];

		for (uint32_t queue = 0; queue < slave->queues && queue < XB_XSK_QUEUES; queue++) {
			if ((xsk->options.queues && !(xsk->options.queues >> queue & 1)) || find_port(xsk, slave, queue))
				continue;
			const int refused = add_port(xsk, slave, queue);

			if (refused != 0 && refused != -ENODEV) {
				xsk->waiting++;
				code = refused;
			}
		}
	}
	xsk->retry_at = xsk->waiting ? now_ms() + RETRY_MS : 0;
	xsk->followed = bond.sequence >> 32;
	set_usable(xsk);
	return code;
}

void look_for_news(struct xbond_xsk *xsk)
{
	if (xsk->quarantine_until && now_ms() >= xsk->quarantine_until)
		end_quarantine(xsk);
	if (++xsk->calls % NEWS_EVERY == 0)
		xbond_state_update(xsk->state);
	if (view_word(&xsk->state->view->seq) != (uint32_t)xsk->followed || xsk->connections != xsk->state->connections ||
	    (xsk->retry_at && now_ms() >= xsk->retry_at))
		follow(xsk);
}
