/* SPDX-License-Identifier: MIT
 *
 * A bond's state, mapped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "xsk/internal.h"

#define DEFAULT_TIMEOUT_MS 10000
#define RECONNECT_TIMEOUT_MS 1000
#define RECONNECT_PAUSE_NS 200000000L
#define REFRESH_TRIES 10000

static _Thread_local char last_error[512] = "nothing has failed";

API const char *xbond_error(void)
{
	return last_error;
}

int failed(int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(last_error, sizeof(last_error), format, arguments);
	va_end(arguments);
	return -code;
}

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A writer is a BPF program, done in microseconds; should it not be, the state before it serves on. */
void state_refresh(struct xbond_state *state)
{
	static const struct xb_view none;
	struct xb_view next = none;

	for (int i = 0; i < REFRESH_TRIES; i++) {
		const uint32_t seq = view_word(&state->view->seq);

		if (seq == state->copy.seq)
			return;
		if (seq & 1)
			continue;
		memcpy(&next, state->view, sizeof(next));
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (view_word(&state->view->seq) == seq) {
			state->copy = next;
			state->copy.seq = seq;
			return;
		}
	}
}

static int map_view(struct xbond_state *state)
{
	const struct xb_view *view = mmap(NULL, sizeof(*view), PROT_READ, MAP_SHARED, state->control.descriptors[0], 0);

	if (view == MAP_FAILED)
		return failed(errno, "cannot map the state of %s: %s", state->bond, strerror(errno));
	if (view_word(&view->version) != XB_VIEW_VERSION) {
		const unsigned version = view_word(&view->version);

		munmap((void *)view, sizeof(*view));
		return failed(EPROTO, "xbondd's state has version %u, this library knows %u", version, XB_VIEW_VERSION);
	}
	if (state->view)
		munmap((void *)state->view, sizeof(*view));
	state->view = view;
	state->copy.seq = 1; /* of no moment */
	state_refresh(state);
	return 0;
}

static int watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void set_timer(struct xbond_state *state, bool on)
{
	const struct itimerspec next = { .it_value = { 0, on ? RECONNECT_PAUSE_NS : 0 } };

	timerfd_settime(state->timer, 0, &next, NULL);
}

/* The view's descriptor is needed no more; those of maps of sockets are bonded.c's. */
static int connect_state(struct xbond_state *state, int timeout_ms)
{
	struct control *control = &state->control;
	int code;

	control_close_descriptors(control);
	code = control_open(control, state->socket, state->bond, state->sockets, timeout_ms);
	if (code == 0)
		code = map_view(state);
	if (code == 0 && watch(state->epoll, control->fd) != 0)
		code = failed(errno, "cannot watch a socket: %s", strerror(errno));
	if (code != 0 && control->fd >= 0) {
		close(control->fd);
		control->fd = -1;
	}
	state->connections += code == 0;
	return code;
}

int state_open(struct xbond_state **out, const char *bond, const char *socket_path, int timeout_ms, bool sockets)
{
	struct xbond_state *state = calloc(1, sizeof(*state));
	int code = 0;

	if (!state)
		return failed(ENOMEM, "no memory");
	state->control.fd = -1;
	state->sockets = sockets;
	state->usable = UINT32_MAX;
	state->timeout_ms = timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS;
	state->epoll = epoll_create1(EPOLL_CLOEXEC);
	state->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (state->epoll < 0 || state->timer < 0 || watch(state->epoll, state->timer) != 0)
		code = failed(errno, "no descriptors: %s", strerror(errno));
	else if (strlen(bond) >= sizeof(state->bond) || (socket_path && strlen(socket_path) >= sizeof(state->socket)))
		code = failed(ENAMETOOLONG, "the name of the bond or of the socket is too long");
	if (code == 0) {
		strcpy(state->bond, bond);
		strcpy(state->socket, socket_path ? socket_path : "");
		code = connect_state(state, state->timeout_ms);
	}
	if (code != 0) {
		xbond_state_close(state);
		return code;
	}
	*out = state;
	return 0;
}

API int xbond_state_open(struct xbond_state **state, const char *bond, const struct xbond_open_options *options)
{
	struct xbond_open_options all = { 0 };

	if (!state || !bond)
		return failed(EINVAL, "no bond is named");
	if (options)
		memcpy(&all, options, options->size < sizeof(all) ? options->size : sizeof(all));
	return state_open(state, bond, all.socket, all.timeout_ms, false);
}

API void xbond_state_close(struct xbond_state *state)
{
	if (!state)
		return;
	control_close_descriptors(&state->control);
	for (int i = 0; i < 3; i++) {
		const int fd = i == 0 ? state->control.fd : i == 1 ? state->timer : state->epoll;

		if (fd >= 0)
			close(fd);
	}
	if (state->view)
		munmap((void *)state->view, sizeof(*state->view));
	free(state);
}

API int xbond_state_fd(const struct xbond_state *state)
{
	return state->epoll;
}

API int xbond_state_update(struct xbond_state *state)
{
	uint64_t expired = 0;
	enum control_news news;

	if (state->gone)
		return failed(ENODEV, "%s has gone", state->bond);
	if (state->control.fd < 0) {
		int code;

		if (read(state->timer, &expired, sizeof(expired)) != sizeof(expired))
			return 0;
		code = connect_state(state, RECONNECT_TIMEOUT_MS);
		if (code == -ENODEV) {
			state->gone = true;
			return code;
		}
		set_timer(state, code != 0);
		return code == 0;
	}
	news = control_read(&state->control);
	if (news == CONTROL_GONE) {
		state->gone = true;
		return failed(ENODEV, "%s has gone", state->bond);
	}
	if (news == CONTROL_CLOSED) /* what is mapped stays true */
		set_timer(state, true);
	if (news == CONTROL_CHANGED)
		state_refresh(state);
	return news == CONTROL_CHANGED;
}

API uint64_t xbond_state_sequence(struct xbond_state *state)
{
	const uint32_t ready = view_word(&state->view->ready);

	return (uint64_t)view_word(&state->view->seq) << 32 | ready;
}

static uint32_t queues_of(int fd, uint32_t ifindex)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq request = { 0 };

	if (!if_indextoname(ifindex, request.ifr_name))
		return 0;
	request.ifr_data = (void *)&channels;
	if (ioctl(fd, SIOCETHTOOL, &request) != 0)
		return errno == ENODEV ? 0 : 1;
	return channels.rx_count + channels.combined_count ? channels.rx_count + channels.combined_count : 1;
}

API void xbond_state_get(struct xbond_state *state, struct xbond_bond *bond)
{
	const struct xb_view *view = &state->copy;
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t carrier, senders;

	memset(bond, 0, sizeof(*bond));
	bond->sequence = xbond_state_sequence(state);
	state_refresh(state);
	carrier = view_word(&state->view->carrier);
	senders = state_senders(state);
	bond->ifindex = view->bond_ifindex;
	bond->mode = view->mode;
	bond->policy = view->policy;
	memcpy(bond->mac, view->bank.bond_mac, sizeof(bond->mac));
	for (uint32_t slot = 0; slot < XB_MAX_SLAVES; slot++) {
		const struct xb_bank_slot *at = &view->bank.slot[slot];
		struct xbond_slave *slave = &bond->slaves[bond->n_slaves];

		if (!view->ifindex[slot] || view->ifindex[slot] > INT32_MAX - 1)
			continue;
		bond->n_slaves++;
		slave->ifindex = view->ifindex[slot];
		slave->queues = fd < 0 ? 0 : queues_of(fd, slave->ifindex);
		memcpy(slave->mac, at->mac, sizeof(slave->mac));
		slave->slot = (uint8_t)slot;
		slave->carrier = carrier >> slot & 1;
		slave->may_send = senders >> slot & 1;
		slave->heard = !(at->flags & XB_SLOT_SUPPRESS);
	}
	if (fd >= 0)
		close(fd);
}
