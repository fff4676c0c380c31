/*
 * window.h - the bytes of one connection: the body so far, decoded, and behind
 * it what came after it, as it came.
 *
 *	0        begin      body_end     raw        filled     size
 *	|  used    |   body    |  framing  |   raw     |   room   |
 *
 * Pure. Bytes only move when there is little room left, so many short requests
 * in one read cost no more than their bytes.
 */
#ifndef CONN_WINDOW_H
#define CONN_WINDOW_H

#include "base/text.h"
#include "facts/limits.h"

/* Room for the largest alert and for a piece of what comes behind it. */
enum { WINDOW_BYTES = LIMIT_ALERT + 1024, WINDOW_LITTLE = 64 };

struct window {
	size_t begin, body_end, raw, filled; /* in this order */
	/* before the first byte comes, the owner may lend them to others */
	_Alignas(uint64_t) char bytes[WINDOW_BYTES];
};

void window_clear(struct window *w);
/* Where bytes from outside go, *n of them, fewer than WINDOW_LITTLE only if
 * nothing can move; then say how many came. */
char *window_room(struct window *w, size_t *n);
void window_received(struct window *w, size_t n);

/* What came and was not looked at yet. */
struct span window_raw(const struct window *w);
/* Of that, only `rest` is left to be looked at. */
void window_take(struct window *w, struct span rest);
/* A piece of window_raw() that was taken is body: moves it there. */
void window_append(struct window *w, struct span piece);

/* Overwrites a part of what came: a secret that was looked at. */
void window_wipe(struct window *w, struct span part);

struct span window_body(const struct window *w);
/* Lets go of the body's first n bytes, or of all of it. */
void window_drop(struct window *w, size_t n);
void window_drop_body(struct window *w);

#endif
