/*
 * sink.h - where lines go. Writes never block; the owner polls for room.
 *
 * Standard output is shared with other processes, and so are its flags: they
 * stay as they are. It is opened a second time where it can be (/proc), so that
 * O_NONBLOCK is ours alone; a socket is asked not to block with each send; and
 * what is left is only written to in pieces that poll(2) promised to take.
 */
#ifndef SINK_H
#define SINK_H

#include "os.h"

struct pollfd;

enum sink_way {
	SINK_NONBLOCKING, /* a description of our own, or a regular file */
	SINK_SOCKET,      /* MSG_DONTWAIT */
	SINK_POLITE,      /* poll, then a piece that fits */
};

struct sink {
	int fd;
	enum sink_way way;
	size_t piece; /* of SINK_POLITE */
	bool is_terminal;
};

/* Standard output. 0, or -errno if it is closed. */
int sink_open_stdout(struct sink *s);
/* Bytes written, OS_AGAIN, or -errno. */
long sink_write(struct sink *s, struct span bytes);
/* Could a line be taken, now or later? Asks the system. */
bool sink_is_alive(const struct sink *s);

#endif
