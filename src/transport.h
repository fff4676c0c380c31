/*
 * transport.h - bytes to and from one peer.
 *
 * More than 0: so many bytes; 0: would block; below 0: OS_END or -errno, and
 * the connection is over.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include "os.h"

struct transport {
	int fd;
};

void transport_open(struct transport *t, int fd);
long transport_read(struct transport *t, char *p, size_t n);
long transport_write(struct transport *t, struct span s);
/* Says that nothing more will be written. */
void transport_end(struct transport *t);
void transport_close(struct transport *t);

#endif
