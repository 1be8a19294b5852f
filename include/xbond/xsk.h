/* SPDX-License-Identifier: MIT
 *
 * libxbond-xsk: AF_XDP on a bond, and a bond's state for those who own their sockets (docs/af-xdp.md).
 *
 * Functions that can fail return 0 or more, or a negative errno; xbond_error() then says what was wrong. An object
 * belongs to one thread at a time; different ones may be used by different threads. No function raises a signal.
 */
#ifndef XBOND_XSK_H
#define XBOND_XSK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XBOND_MAX_SLAVES 32

/* A sentence about the last failure in this thread; never null. */
const char *xbond_error(void);

/* ---- the state of a bond ----
 *
 * Read from memory that the kernel keeps true, within a millisecond for a carrier that is lost, whether or not xbondd
 * runs: no function here makes a system call but open, update and get, which asks drivers for their queues. */

struct xbond_state;

struct xbond_slave {
	uint32_t ifindex;
	uint32_t queues;  /* receive queues; 0: the device does not tell */
	uint8_t mac[6];   /* its address now */
	uint8_t carrier;  /* it runs and has carrier */
	uint8_t may_send; /* the mode sends on it at this moment */
	uint8_t heard;    /* the bond takes in what it receives; 0: only link-local frames are looked at */
	uint8_t slot;     /* 0 .. XBOND_MAX_SLAVES - 1, the same while it is a slave */
	uint8_t reserved[6];
};

struct xbond_bond {
	uint64_t sequence; /* as xbond_state_sequence() */
	uint32_t ifindex;
	uint32_t mode;   /* 0 .. 6, as the bonding driver numbers them */
	uint32_t policy; /* of transmit hashing, 0 .. 5, likewise */
	uint32_t n_slaves;
	uint8_t mac[6];
	uint8_t reserved[2];
	struct xbond_slave slaves[XBOND_MAX_SLAVES];
};

struct xbond_open_options {
	size_t size;        /* of this structure: sizeof(struct xbond_open_options) */
	const char *socket; /* of xbondd; null: that of the network namespace */
	int timeout_ms;     /* for the answer; 0: 10 seconds */
};

/* `options` may be null. ENODEV: no bond of that name. ENOENT, ECONNREFUSED: no xbondd there. */
int xbond_state_open(struct xbond_state **state, const char *bond, const struct xbond_open_options *options);
void xbond_state_close(struct xbond_state *state);

/* Readable (poll, epoll) when there may be news: then call xbond_state_update(). The same for the object's life. */
int xbond_state_fd(const struct xbond_state *state);
/* Takes the news in, and goes back to an xbondd that was restarted, which takes up to a second if that one is there and
 * does not answer. 1: something has changed, 0: nothing has;
 * -ENODEV: the bond has gone, and what is read stays as it was. */
int xbond_state_update(struct xbond_state *state);

/* Another number when anything but a queue count may have changed. */
uint64_t xbond_state_sequence(struct xbond_state *state);
/* One consistent moment. */
void xbond_state_get(struct xbond_state *state, struct xbond_bond *bond);

/* The bond's transmit hash of a frame that begins with its Ethernet header, as its data path computes it. */
uint32_t xbond_state_hash(struct xbond_state *state, const void *frame, size_t size);
/* The same by a policy's number, without a bond. */
uint32_t xbond_hash(uint32_t policy, const void *frame, size_t size);

struct xbond_choice {
	uint32_t ifindex;
	uint8_t slot;
	uint8_t set_source; /* the frame has to leave with this address as its source (balance-tlb, balance-alb) */
	uint8_t source[6];
};
/* On which slaves the bond sends such a frame at this moment: how many choices were written, more than one in mode
 * broadcast; 0: on none, drop it. Counts as a packet of balance-rr. */
int xbond_state_select(struct xbond_state *state, const void *frame, size_t size,
		       struct xbond_choice choices[XBOND_MAX_SLAVES]);

/* ---- sockets on a bond ----
 *
 * One object over all slaves and receive queues, in one memory. What it receives is said by the rules of the bond
 * (`xbond xsk allow`); the caller needs a rule for one of its groups, and CAP_NET_RAW. */

struct xbond_xsk;

enum {
	XBOND_XSK_COPY = 1 << 0,      /* no zero copy, also where the driver can */
	XBOND_XSK_BUSY_POLL = 1 << 1, /* rings are driven by the caller's system calls: SO_PREFER_BUSY_POLL */
};

struct xbond_xsk_options {
	size_t size; /* of this structure */
	const char *socket;
	int timeout_ms;      /* for the answer, and for queues that others have: AF_XDP sockets that were closed a moment
			      * ago still hold theirs; 0: 10 seconds */
	uint32_t flags;
	uint32_t frames;     /* of the memory; 0: 2048 */
	uint32_t frame_size; /* 2048 or 4096; 0: 2048 */
	uint32_t ring_size;  /* a power of two; 0: 512 */
	uint64_t queues;     /* bit i: queue i of each slave; 0: all */
	void (*log)(const char *line, void *arg); /* what is waited for, what comes and goes; may be null */
	void *log_arg;
};

struct xbond_frame {
	void *data;
	uint32_t size;
	uint32_t ifindex; /* received: the slave */
	uint32_t queue;   /* received: of that slave; to be sent: on which one, modulo how many there are */
	uint32_t frame;   /* number in the memory: the library's */
};

struct xbond_xsk_stats {
	uint64_t rx_packets, tx_packets;
	uint64_t tx_dropped;  /* no slave could send */
	uint64_t tx_failover; /* not on the slave that the mode chose */
	uint64_t rx_ring_full, rx_no_frames; /* the kernel's: the caller was too slow */
	uint32_t sockets, zero_copy;         /* sockets now, and those without copies */
	uint32_t waiting;                    /* queues that could not be bound yet */
	uint32_t free_frames;
};

int xbond_xsk_open(struct xbond_xsk **xsk, const char *bond, const struct xbond_xsk_options *options);
void xbond_xsk_close(struct xbond_xsk *xsk);
struct xbond_state *xbond_xsk_state(struct xbond_xsk *xsk);

/* Readable when frames or news wait, for poll loops of one's own. From then on the kernel wakes it for each frame that
 * leaves, which costs time: who only waits here calls xbond_xsk_wait() alone. */
int xbond_xsk_fd(const struct xbond_xsk *xsk);
/* Until there is something to receive, or the time is over (-1: no end). 1, or 0. Takes news of the bond in: slaves that
 * come and go, another xbondd. -ENODEV: the bond has gone. */
int xbond_xsk_wait(struct xbond_xsk *xsk, int timeout_ms);

/* At most `n` frames. They are the caller's until they are sent or released. */
int xbond_xsk_rx(struct xbond_xsk *xsk, struct xbond_frame *frames, int n);
void xbond_xsk_release(struct xbond_xsk *xsk, const struct xbond_frame *frames, int n);
/* Empty frames to fill and send: how many there were; `size` is the room of each. */
int xbond_xsk_alloc(struct xbond_xsk *xsk, struct xbond_frame *frames, int n);
/* Sends received or filled frames as the bond would, each on the slave that its mode takes. Those that were taken, the
 * first ones, are no more the caller's; the next one found the rings full, or is none: not the caller's, or with `data` and
 * `size` not within the frame. */
int xbond_xsk_tx(struct xbond_xsk *xsk, const struct xbond_frame *frames, int n);

void xbond_xsk_get_stats(struct xbond_xsk *xsk, struct xbond_xsk_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
