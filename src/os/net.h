/*
 * net.h - sockets: what bellwire listens on, takes and, for probe, opens.
 * Thin, as os.h: errors are negative errno.
 */
#ifndef OS_NET_H
#define OS_NET_H

#include "base/address.h"

/* A listening socket, non-blocking; a stale unix socket is replaced. */
int net_listen(const struct address *a);
/* The address it has now (port 0 was replaced). */
void net_bound_address(int fd, struct address *a);
/* A connection, non-blocking, without Nagle's delay; *peer says from where. */
int net_accept(int listener, struct address *peer);
/* A blocking connection that gives up on reads and writes after that time. */
int net_connect(const struct address *a, int timeout_ms);
void net_end_output(int socket);

#endif
