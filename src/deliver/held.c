/* held.c - lines that a pipe or a driver still has: whose records are kept, and
 * whose were given up, for inside.h. Of the latter:
 *
 *	[0 ........... n) written        bytes, as they went in one by one;
 *	      [n - again, n)             of these, those that go in before all
 *	                                 else: the rest of a line that was begun
 *	                                 or, once a reader has left, all that it
 *	                                 has not read
 *
 * The line that was begun is of a record that is not given up then: it comes
 * out whole, and until it has, its record counts as not written.
 */
#include "deliver/inside.h"

#include <string.h>

uint64_t deliver_follow(struct deliver *d, unsigned sink, uint64_t unsent)
{
	struct delivery *s = &d->sink[sink];
	uint64_t left = s->written - unsent;
	struct spool *q = deliver_source(d, sink);
	uint64_t from = q->keep[sink], to = from;
	struct record r;
	while (from < q->cursor[sink] && spool_get(q, &to, &r)) {
		struct buf line =
		    buf_of(d->batch->lines, sizeof d->batch->lines);
		deliver_render(d, sink, from, to, &r, &line);
		if (line.n > left)
			break;
		left -= line.n;
		s->written -= line.n;
		spool_settle(q, sink, to);
		from = to;
		d->progress++;
	}
	return left;
}

/* Where the line begins that the byte at `at` is of. */
static size_t line_at(const struct held *h, size_t at)
{
	while (at && h->lines[at - 1] != '\n')
		at--;
	return at;
}

static void cut_front(struct held *h, size_t n)
{
	memmove(h->lines, h->lines + n, h->n - n);
	h->n -= n;
}

/* Forgets lines that have left, where `unsent` bytes have not. */
static void shrink(struct deliver *d, unsigned sink, uint64_t unsent)
{
	struct held *h = &d->held[sink];
	size_t in = h->n - h->again;
	uint64_t all = in + d->sink[sink].written;
	uint64_t left = unsent < all ? all - unsent : 0;
	size_t gone = left < in ? line_at(h, (size_t)left) : in;
	cut_front(h, gone);
	h->headless = h->headless && gone == 0;
}

/* Its beginning, which has been read by now, goes if there is no room. */
static void append(struct held *h, struct span line)
{
	size_t room = sizeof h->lines - h->n;
	if (line.n > sizeof h->lines)
		line = span_skip(line, line.n - sizeof h->lines);
	if (line.n > room) {
		cut_front(h, line.n - room);
		h->headless = true;
	}
	memcpy(h->lines + h->n, line.p, line.n);
	h->n += line.n;
}

/* The record that ends at `to` and whose line was begun: if that is so long
 * that there is no room for the rest, no more than its beginning comes out. */
static void hold_begun(struct deliver *d, unsigned sink, uint64_t to,
		       struct buf *line)
{
	struct delivery *s = &d->sink[sink];
	struct spool *q = deliver_source(d, sink);
	struct held *h = &d->held[sink];
	if (line->n > sizeof h->lines - LIMIT_PIPE) {
		line->n = (size_t)s->offset;
		return;
	}
	h->again = line->n - (size_t)s->offset;
	h->of = q;
	spool_leave_line(q, sink, to);
	s->offset = 0;
}

bool deliver_hold(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	struct spool *q = deliver_source(d, sink);
	uint64_t unsent = sink_unsent(&s->sink);
	uint64_t from, to;
	struct record r;
	if (s->written == 0)
		return false;
	shrink(d, sink, unsent);
	if (unsent <= s->written)
		deliver_follow(d, sink, unsent);
	from = to = q->keep[sink];
	while (s->written && spool_get(q, &to, &r)) {
		struct buf line =
		    buf_of(d->batch->lines, sizeof d->batch->lines);
		deliver_render(d, sink, from, to, &r, &line);
		bool begun = from == q->cursor[sink];
		if (begun)
			hold_begun(d, sink, to, &line);
		append(&d->held[sink], buf_span(&line));
		if (begun)
			break;
		s->written -= line.n;
		from = to;
	}
	s->written = 0;
	return d->held[sink].again != 0;
}

bool deliver_hold_passed(struct deliver *d, unsigned sink)
{
	struct spool *q = deliver_source(d, sink);
	struct held *h = &d->held[sink];
	uint64_t from = q->cursor[sink], to = from;
	bool some = false;
	struct record r;
	while (from < d->sink[sink].passed && spool_get(q, &to, &r)) {
		struct buf line =
		    buf_of(d->batch->lines, sizeof d->batch->lines);
		deliver_render(d, sink, from, to, &r, &line);
		if (line.n > sizeof h->lines - h->n)
			break;
		append(h, buf_span(&line));
		h->again += line.n;
		spool_pass(q, sink, to);
		from = to;
		some = true;
	}
	return some;
}

void deliver_lose_held(struct deliver *d, unsigned sink, uint64_t unsent)
{
	struct held *h = &d->held[sink];
	if (unsent <= d->sink[sink].written && h->again == 0) {
		h->n = 0;
		return;
	}
	shrink(d, sink, unsent);
	if (h->headless) {
		/* of which the beginning is not known any more */
		const char *end = memchr(h->lines, '\n', h->n);
		cut_front(h, end ? (size_t)(end - h->lines) + 1 : h->n);
		d->sink[sink].dropped++;
		h->headless = false;
	}
	h->again = h->n;
}

void deliver_settle_held(struct deliver *d, unsigned sink, uint64_t unsent)
{
	struct held *h = &d->held[sink];
	if (h->again == 0 && unsent <= d->sink[sink].written)
		h->n = 0;
}

long deliver_write_held(struct deliver *d, unsigned sink)
{
	struct held *h = &d->held[sink];
	struct span bytes = {h->lines + h->n - h->again, h->again};
	long put = sink_write(&d->sink[sink].sink, bytes);
	if (put <= 0)
		return put;
	h->again -= (size_t)put;
	if (h->again == 0 && h->of && h->of->unfinished[sink]) {
		spool_finish_line(h->of, sink);
		d->sink[sink].lines++;
	}
	return put;
}
