/*
 * offline.h - `bellwire render`: a payload from standard input through all that
 * a server does with one, without a network. Roof.
 */
#ifndef MAIN_OFFLINE_H
#define MAIN_OFFLINE_H

#include "server/server.h"

/* Emits the payload by the first sink of *s, which is open. memory[0..n) is
 * where it is read to. False: *why says what is wrong with it, or is empty if
 * the sink failed. */
bool offline_render(struct server *s, char *memory, size_t n, struct buf *why);

#endif
