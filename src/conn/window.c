/* window.c - see window.h. */
#include "conn/window.h"

#include <string.h>

void window_clear(struct window *w)
{
	w->begin = w->body_end = w->raw = w->filled = 0;
}

static void move_down(struct window *w)
{
	size_t body = w->body_end - w->begin, rest = w->filled - w->raw;
	if (body && w->begin)
		memmove(w->bytes, w->bytes + w->begin, body);
	if (rest && w->raw != body)
		memmove(w->bytes + body, w->bytes + w->raw, rest);
	w->begin = 0;
	w->body_end = w->raw = body;
	w->filled = body + rest;
}

char *window_room(struct window *w, size_t *n)
{
	if (w->raw == w->filled && w->body_end == w->begin)
		window_clear(w);
	if (sizeof w->bytes - w->filled < WINDOW_LITTLE)
		move_down(w);
	*n = sizeof w->bytes - w->filled;
	return w->bytes + w->filled;
}

void window_received(struct window *w, size_t n)
{
	ASSERT(n <= sizeof w->bytes - w->filled);
	w->filled += n;
}

struct span window_raw(const struct window *w)
{
	return (struct span){w->bytes + w->raw, w->filled - w->raw};
}

void window_take(struct window *w, struct span rest)
{
	ASSERT(rest.n <= w->filled - w->raw);
	w->raw = w->filled - rest.n;
}

void window_append(struct window *w, struct span piece)
{
	size_t at = (size_t)(piece.p - w->bytes), body = w->body_end - w->begin;
	ASSERT(piece.n <= w->raw - w->body_end);
	if (piece.n <= body) {
		if (piece.n && at != w->body_end)
			memmove(w->bytes + w->body_end, piece.p, piece.n);
		w->body_end += piece.n;
		return;
	}
	/* less moves up to it */
	if (body && at != w->body_end)
		memmove(w->bytes + at - body, w->bytes + w->begin, body);
	w->begin = at - body;
	w->body_end = at + piece.n;
}

void window_wipe(struct window *w, struct span part)
{
	if (part.n)
		text_wipe(w->bytes + (part.p - w->bytes), part.n);
}

struct span window_body(const struct window *w)
{
	return (struct span){w->bytes + w->begin, w->body_end - w->begin};
}

void window_drop(struct window *w, size_t n)
{
	ASSERT(n <= w->body_end - w->begin);
	w->begin += n;
}

void window_drop_body(struct window *w)
{
	w->begin = w->body_end = w->raw;
}
