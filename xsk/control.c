/* SPDX-License-Identifier: MIT
 *
 * One request to xbondd, and the news that follow on the connection.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "xsk/internal.h"

#define ANSWER_BYTES 8192

static int default_socket(char *path, size_t size)
{
	struct stat here;

	if (stat("/proc/thread-self/ns/net", &here) != 0)
		return failed(errno, "cannot tell this network namespace: %s", strerror(errno));
	snprintf(path, size, "/run/xbond/%ju/control", (uintmax_t)here.st_ino);
	return 0;
}

static int connect_to(const char *path, int timeout_ms)
{
	const struct timeval timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return failed(ENAMETOOLONG, "%s: too long for a socket", path);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed(errno, "cannot open a socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		const int code = errno;

		close(fd);
		return failed(code, "no xbondd at %s: %s", path, strerror(code));
	}
	return fd;
}

static void take_descriptors(struct control *control, struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (control->n_descriptors < MAX_DESCRIPTORS)
				control->descriptors[control->n_descriptors++] = fd;
			else
				close(fd);
		}
	}
}

static ssize_t receive(struct control *control, char *buffer, size_t size, int flags)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))];
	struct iovec data = { buffer, size };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	const ssize_t n = recvmsg(control->fd, &message, flags | MSG_CMSG_CLOEXEC);

	if (n > 0)
		take_descriptors(control, &message);
	return n;
}

/* {"ok":false,"error":{"errno":13,"name":"EACCES","message":"..."}}, as xbondd writes it. */
static int refusal(const char *answer)
{
	const char *number = strstr(answer, "\"errno\":");
	const char *message = strstr(answer, "\"message\":\"");
	const int code = number ? atoi(number + strlen("\"errno\":")) : EPROTO;
	char text[256] = "";
	size_t n = 0;

	for (message = message ? message + strlen("\"message\":\"") : ""; *message && *message != '"'; message++) {
		if (*message == '\\' && message[1])
			message++;
		if (n + 1 < sizeof(text))
			text[n++] = *message;
	}
	text[n] = 0;
	return failed(code > 0 ? code : EPROTO, "xbondd: %s", n ? text : "an answer that is none");
}

static int ask(struct control *control, const char *bond, bool sockets)
{
	char request[128], answer[ANSWER_BYTES];
	size_t have = 0;
	int n;

	n = snprintf(request, sizeof(request), "{\"v\":1,\"cmd\":\"state.open\",\"name\":\"%s\",\"sockets\":%s}\n", bond,
		     sockets ? "true" : "false");
	if (send(control->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
		return failed(errno ? errno : EPIPE, "cannot ask xbondd: %s", strerror(errno));
	while (have + 1 < sizeof(answer)) {
		const ssize_t got = receive(control, answer + have, sizeof(answer) - 1 - have, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return failed(ETIMEDOUT, "xbondd does not answer");
		if (got <= 0)
			return failed(got < 0 ? errno : ECONNRESET, "xbondd closed the connection");
		have += (size_t)got;
		answer[have] = 0;
		if (strchr(answer, '\n'))
			return strncmp(answer, "{\"ok\":true", 10) == 0 ? 0 : refusal(answer);
	}
	return failed(EPROTO, "xbondd's answer is too long");
}

int control_open(struct control *control, const char *socket_path, const char *bond, bool sockets, int timeout_ms)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)] = "";
	int code;

	control->fd = -1;
	control->n_descriptors = 0;
	if (strlen(bond) > 15 || strpbrk(bond, "\"\\/ \t\n"))
		return failed(EINVAL, "%s: no name of a bond", bond);
	code = socket_path && *socket_path ? snprintf(path, sizeof(path), "%s", socket_path) < (int)sizeof(path) ? 0 : -1 :
					     default_socket(path, sizeof(path));
	if (code < 0)
		return code == -1 ? failed(ENAMETOOLONG, "%s: too long for a socket", socket_path) : code;
	control->fd = connect_to(path, timeout_ms);
	if (control->fd < 0)
		return control->fd;
	code = ask(control, bond, sockets);
	if (code == 0 && control->n_descriptors < 1)
		code = failed(EPROTO, "xbondd passed no descriptor");
	if (code != 0) {
		control_close_descriptors(control);
		close(control->fd);
		control->fd = -1;
	}
	return code;
}

enum control_news control_read(struct control *control)
{
	enum control_news news = CONTROL_NOTHING;
	char buffer[1024];

	if (control->fd < 0)
		return CONTROL_CLOSED;
	for (;;) {
		const ssize_t n = receive(control, buffer, sizeof(buffer) - 1, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return news;
		if (n <= 0) {
			close(control->fd);
			control->fd = -1;
			return news == CONTROL_GONE ? news : CONTROL_CLOSED;
		}
		buffer[n] = 0;
		news = strstr(buffer, "\"gone\"") ? CONTROL_GONE : news == CONTROL_GONE ? news : CONTROL_CHANGED;
	}
}

void control_close_descriptors(struct control *control)
{
	while (control->n_descriptors > 0)
		close(control->descriptors[--control->n_descriptors]);
}
