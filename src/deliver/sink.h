/*
 * sink.h - where lines go: standard output, a FIFO, a serial line. Writes never
 * block; the owner polls for room, opens again, and knows what was written.
 *
 * Standard output is shared with other processes, and so are its flags: they
 * stay as they are. It is opened a second time where it can be (/proc), so that
 * O_NONBLOCK is ours alone; a socket is asked not to block with each send; and
 * what is left is only written to in pieces that poll(2) promised to take.
 *
 * A FIFO is opened for writing only, which fails without a reader (ENXIO); with
 * O_RDWR an absent reader could not be told from a slow one. Once open it stays
 * open, so that what is in the pipe outlives its reader (fifo(7), pipe(7)).
 *
 * A serial line is raw; its settings are put back when it is closed, but for
 * HUPCL: the modem lines stay as they are, or a device that takes them for a
 * reset would start anew with lines on their way (termios(3)).
 *
 * FIFOs and lines are locked against another bellwire (flock(2)), whose lines
 * would come out torn within ours; lines also against open(2) (TIOCEXCL).
 */
#ifndef DELIVER_SINK_H
#define DELIVER_SINK_H

#include "facts/place.h"
#include "os/os.h"

#include <termios.h>

enum sink_way {
	SINK_NONBLOCKING, /* a description of our own, or a regular file */
	SINK_SOCKET,      /* MSG_DONTWAIT */
	SINK_POLITE,      /* poll, then a piece that fits */
};

struct sink {
	const struct place *place;
	int fd; /* -1: closed */
	enum sink_way way;
	size_t piece; /* of SINK_POLITE */
	bool is_terminal;
	bool is_file;          /* standard output into a regular file */
	struct termios before; /* of a serial line */
};

/* Opens it; a FIFO is made if missing. 0, or -errno: -ENXIO is a FIFO without
 * reader, -EINVAL a path that is no FIFO, -ENOTTY one that is no terminal,
 * -EBUSY one that another bellwire has; then
 * the sink is closed. *place must outlive the sink. */
int sink_open(struct sink *s, const struct place *place);
void sink_close(struct sink *s);
/* Bytes written, OS_AGAIN, or -errno. */
long sink_write(struct sink *s, struct span bytes);
/* Is there somebody, or something, at the other end? Asks the system. */
bool sink_is_alive(const struct sink *s);
/* Bytes that were written and have not left yet: still in the pipe, still in
 * the driver. 0 where nobody can tell; SIZE_MAX once the device is gone, as any
 * of them may have gone with it. */
size_t sink_unsent(const struct sink *s);
/* Takes unread bytes back out of a FIFO whose reader is gone, into scratch that
 * is larger than a pipe; how many those were, or -errno if they are out of
 * reach: -ESTALE if the path leads to another FIFO now. */
long sink_take_back(struct sink *s, char *scratch, size_t n);
/* Makes what was written safe: fdatasync(2) of a regular file, else nothing. 0
 * or -errno. */
int sink_sync(const struct sink *s);
/* Drops what the driver has not sent; closing would wait for that. */
void sink_drop_unsent(struct sink *s);
/* Does the path lead elsewhere than when it was opened? */
bool sink_was_replaced(const struct sink *s);

/* The kinds; called by the above. */
int fifo_open(struct sink *s);
long fifo_take_back(struct sink *s, char *scratch, size_t n);
int serial_open(struct sink *s);
void serial_close(struct sink *s);

#endif
