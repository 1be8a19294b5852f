/* SPDX-License-Identifier: MIT
 *
 * xb_xsk_load: the measured traffic of bench/xsk, the same loop over the bonded socket of libxbond-xsk and over one AF_XDP
 * socket made with libxdp, in the network namespace NEAR.
 *   xb_xsk_load tx MS bond|raw NEAR DEVICE CONTROL         frames a second that the sockets take
 *   xb_xsk_load rx MS bond|raw NEAR DEVICE CONTROL FAR FAR-DEVICE...
 *                                   frames a second that come in; packet sockets on FAR's devices send them, in the same
 *                                   thread: their work, and that of the kernel behind it, counts in both
 * DEVICE: the bond, or the slave; CONTROL: xbondd's socket. The rate is that of the median chunk of frames, which is
 * shorter than a time slice.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xdp/xsk.h>

#include "xbond/xsk.h"

#define BATCH 64
#define CHUNK 1024 /* frames whose time is one sample */
#define FRAMES 2048 /* as the library's own defaults, so that both have the same */
#define FRAME_SIZE 2048
#define RING 512
#define SIZE 60
#define PORT 4789
#define MAX_SAMPLES 1000000

static void die(const char *what)
{
	fprintf(stderr, "xb_xsk_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void enter(const char *netns)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		die(path);
	close(fd);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* UDP from 10.0.0.2 to 10.0.0.1; the source port tells the flow. */
static void make_frame(uint8_t frame[SIZE], const uint8_t to[6], uint32_t flow)
{
	static const uint8_t rest[SIZE - 6] = { 2,    0,  0, 0, 9, 9, 8, 0, 0x45, 0, 0,  46, 0,    0,    0, 0,  64, 17,
						0x66, 0xbd, 10, 0, 0, 2, 10, 0, 0, 1, 0x27, 0x10, PORT >> 8, PORT & 255,
						0,    26 };

	memcpy(frame, to, 6);
	memcpy(frame + 6, rest, sizeof(rest));
	frame[35] = (uint8_t)flow;
}

/* ---- the two ways ---- */

struct way {
	struct xbond_xsk *bonded;
	struct xsk_umem *umem;
	struct xsk_socket *xsk;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons done, rx;
	uint8_t *memory;
	uint64_t spare[FRAMES]; /* addresses */
	uint32_t n_spare;
	uint8_t mac[6]; /* of what receives */
};

static void open_bonded(struct way *way, const char *bond, const char *control)
{
	const struct xbond_xsk_options options = { .size = sizeof(options), .socket = control };
	struct xbond_bond state;

	if (xbond_xsk_open(&way->bonded, bond, &options) != 0) {
		fprintf(stderr, "xb_xsk_load: %s\n", xbond_error());
		exit(1);
	}
	xbond_state_get(xbond_xsk_state(way->bonded), &state);
	memcpy(way->mac, state.mac, sizeof(way->mac));
}

/* All of the queue to the socket. */
static void attach(struct way *way, const char *slave)
{
	const int map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "socket", 4, 4, 1, NULL);
	struct bpf_insn code[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = 16 }, /* rx_queue_index */
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const int program = map < 0 ? -1 :
				      bpf_prog_load(BPF_PROG_TYPE_XDP, "to_socket", "GPL", code,
						    sizeof(code) / sizeof(code[0]), NULL);
	const int key = 0, fd = xsk_socket__fd(way->xsk);

	if (program < 0 || bpf_map_update_elem(map, &key, &fd, BPF_ANY) != 0)
		die("XDP program");
	errno = -bpf_xdp_attach((int)if_nametoindex(slave), program, XDP_FLAGS_DRV_MODE, NULL);
	if (errno != 0)
		die("attach");
}

static void fill_raw(struct way *way, uint32_t wanted)
{
	uint32_t at;

	if (wanted > way->n_spare)
		wanted = way->n_spare;
	if (!wanted || xsk_ring_prod__reserve(&way->fill, wanted, &at) != wanted)
		return;
	for (uint32_t i = 0; i < wanted; i++)
		*xsk_ring_prod__fill_addr(&way->fill, at + i) = way->spare[--way->n_spare];
	xsk_ring_prod__submit(&way->fill, wanted);
}

static void read_mac(struct way *way, const char *slave)
{
	struct ifreq request = { 0 };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", slave);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) != 0)
		die(slave);
	memcpy(way->mac, request.ifr_hwaddr.sa_data, sizeof(way->mac));
	close(fd);
}

static void open_raw(struct way *way, const char *slave)
{
	const struct xsk_umem_config memory = { RING, RING, FRAME_SIZE, 0, 0 };
	const struct xsk_socket_config config = { .rx_size = RING,
						  .tx_size = RING,
						  .libbpf_flags = XSK_LIBBPF_FLAGS__INHIBIT_PROG_LOAD,
						  .bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP };
	int code = -EBUSY;

	way->memory = mmap(NULL, FRAMES * FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (uint32_t i = 0; i < FRAMES; i++)
		way->spare[way->n_spare++] = (uint64_t)i * FRAME_SIZE;
	for (int tries = 0; code == -EBUSY && tries < 500; tries++) { /* the kernel closes the one before late */
		code = xsk_umem__create(&way->umem, way->memory, FRAMES * FRAME_SIZE, &way->fill, &way->done, &memory);
		if (code == 0)
			code = xsk_socket__create(&way->xsk, slave, 0, way->umem, &way->rx, &way->tx, &config);
		if (code == -EBUSY) {
			xsk_umem__delete(way->umem);
			usleep(10000);
		}
	}
	errno = -code;
	if (code != 0)
		die("AF_XDP socket");
	fill_raw(way, RING);
	attach(way, slave);
	read_mac(way, slave);
}

/* ---- sending: how many of a batch were taken ---- */

/* What was not taken is sent the next time. */
static uint32_t send_bonded(struct way *way, uint32_t *flow)
{
	static struct xbond_frame frames[BATCH];
	static int n;
	int sent;

	if (n == 0)
		n = xbond_xsk_alloc(way->bonded, frames, BATCH);
	for (int i = 0; i < n && frames[i].size != SIZE; i++) {
		make_frame(frames[i].data, way->mac, (*flow)++);
		frames[i].size = SIZE;
	}
	sent = xbond_xsk_tx(way->bonded, frames, n);
	n -= sent;
	memmove(frames, frames + sent, (size_t)n * sizeof(frames[0]));
	return (uint32_t)sent;
}

static void complete_raw(struct way *way)
{
	uint32_t at;
	const uint32_t n = xsk_ring_cons__peek(&way->done, RING, &at);

	for (uint32_t i = 0; i < n; i++)
		way->spare[way->n_spare++] = *xsk_ring_cons__comp_addr(&way->done, at + i);
	xsk_ring_cons__release(&way->done, n);
}

static uint32_t send_raw(struct way *way, uint32_t *flow)
{
	uint32_t at, n;

	complete_raw(way);
	n = way->n_spare < BATCH ? way->n_spare : BATCH;
	n = n ? xsk_ring_prod__reserve(&way->tx, n, &at) : 0;
	for (uint32_t i = 0; i < n; i++) {
		struct xdp_desc *entry = xsk_ring_prod__tx_desc(&way->tx, at + i);

		entry->addr = way->spare[--way->n_spare];
		entry->len = SIZE;
		entry->options = 0;
		make_frame(way->memory + entry->addr, way->mac, (*flow)++);
	}
	xsk_ring_prod__submit(&way->tx, n);
	if (xsk_ring_prod__needs_wakeup(&way->tx))
		sendto(xsk_socket__fd(way->xsk), NULL, 0, MSG_DONTWAIT, NULL, 0);
	return n;
}

/* ---- receiving: how many came ---- */

static uint32_t receive_bonded(struct way *way)
{
	struct xbond_frame frames[BATCH];
	const int n = xbond_xsk_rx(way->bonded, frames, BATCH);

	xbond_xsk_release(way->bonded, frames, n);
	return (uint32_t)n;
}

static uint32_t receive_raw(struct way *way)
{
	uint32_t at;
	const uint32_t n = xsk_ring_cons__peek(&way->rx, BATCH, &at);

	for (uint32_t i = 0; i < n; i++)
		way->spare[way->n_spare++] = xsk_ring_cons__rx_desc(&way->rx, at + i)->addr & ~(uint64_t)(FRAME_SIZE - 1);
	xsk_ring_cons__release(&way->rx, n);
	fill_raw(way, n);
	if (xsk_ring_prod__needs_wakeup(&way->fill) && n == 0)
		recvfrom(xsk_socket__fd(way->xsk), NULL, 0, MSG_DONTWAIT, NULL, NULL);
	return n;
}

/* ---- what is measured ---- */

static uint32_t samples[MAX_SAMPLES];
static size_t n_samples;

static int by_size(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void print_rate(void)
{
	if (n_samples < 3) {
		fprintf(stderr, "xb_xsk_load: only %zu chunks in the time\n", n_samples);
		exit(1);
	}
	qsort(samples, n_samples, sizeof(samples[0]), by_size);
	printf("%.0f\n", CHUNK * 1e9 / samples[n_samples / 2]);
}

static void note(uint64_t ns)
{
	if (n_samples < MAX_SAMPLES)
		samples[n_samples++] = (uint32_t)ns;
}

static void measure_tx(struct way *way, uint64_t until)
{
	uint32_t flow = 0, sent = 0;
	uint64_t begin = now_ns();

	while (begin < until) {
		sent += way->bonded ? send_bonded(way, &flow) : send_raw(way, &flow);
		if (sent >= CHUNK) {
			const uint64_t end = now_ns();

			note((end - begin) * CHUNK / sent);
			begin = end;
			sent = 0;
		}
	}
}

static int open_sender(const char *device)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device) };
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || !address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) != 0)
		die(device);
	return fd;
}

static uint32_t receive(struct way *way, uint32_t wanted)
{
	uint32_t here = 0;

	for (int tries = 0; here < wanted && tries < 1000; tries++)
		here += way->bonded ? receive_bonded(way) : receive_raw(way);
	return here;
}

/* Senders take turns. */
static void measure_rx(struct way *way, const int *senders, int n_senders, uint64_t until)
{
	static uint8_t bytes[BATCH][SIZE];
	static struct iovec vectors[BATCH];
	static struct mmsghdr messages[BATCH];
	uint32_t received = 0, turn = 0;
	uint64_t begin;

	for (uint32_t i = 0; i < BATCH; i++) {
		make_frame(bytes[i], way->mac, i);
		vectors[i] = (struct iovec){ bytes[i], SIZE };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
	for (begin = now_ns(); now_ns() < until;) {
		const int sent = sendmmsg(senders[turn++ % (uint32_t)n_senders], messages, BATCH, 0);

		received += receive(way, sent > 0 ? (uint32_t)sent : 0);
		if (received >= CHUNK) {
			const uint64_t end = now_ns();

			note((end - begin) * CHUNK / received);
			begin = end;
			received = 0;
		}
	}
}

int main(int argc, char **argv)
{
	static struct way way;
	const bool rx = argc > 8 && !strcmp(argv[1], "rx");
	int senders[8], n_senders = 0;
	uint64_t until;

	if (!rx && (argc != 7 || strcmp(argv[1], "tx") != 0)) {
		fprintf(stderr, "Usage: %s tx|rx MS bond|raw NEAR DEVICE CONTROL [FAR FAR-DEVICE...]\n", argv[0]);
		return 2;
	}
	if (rx)
		enter(argv[7]);
	for (int i = 8; rx && i < argc && n_senders < 8; i++)
		senders[n_senders++] = open_sender(argv[i]);
	enter(argv[4]);
	if (!strcmp(argv[3], "bond"))
		open_bonded(&way, argv[5], argv[6]);
	else
		open_raw(&way, argv[5]);
	until = now_ns() + strtoull(argv[2], NULL, 10) * 1000000;
	if (rx)
		measure_rx(&way, senders, n_senders, until);
	else
		measure_tx(&way, until);
	print_rate();
	if (way.bonded)
		xbond_xsk_close(way.bonded);
	else
		xsk_socket__delete(way.xsk);
	return 0;
}
