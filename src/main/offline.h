/*
 * offline.h - `bellwire render`: a payload from standard input through all that
 * a server does with one, without a network.
 */
#ifndef MAIN_OFFLINE_H
#define MAIN_OFFLINE_H

#include "conn/conn.h"
#include "deliver/deliver.h"

struct offline {
	struct service service;
	struct deliver *deliver;
	struct deadman deadman; /* never started */
	struct conn *conn;
};

/* Leaves of the configuration one sink: the first one's format and filter, or
 * the format of that name, on standard output. NULL or what would be right. */
const char *offline_configure(struct config *c, struct span format);
/* Emits the payload. False: *why says what is wrong with it, or is empty if the
 * sink failed. */
bool offline_render(struct offline *o, struct buf *why);

#endif
