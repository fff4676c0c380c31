/*
 * batch.c - what a sink is given at once, and what of it has left.
 *
 * Invariant: rendering a record for a sink gives the same bytes each time from
 * its first byte's write until `keep` has passed it; so what is decided once
 * (too old, behind a torn line) is kept in struct delivery until then.
 */
#include "deliver/inside.h"

/* What the sink is not given now, the spool or the overflow. */
static struct spool *other_source(const struct deliver *d, unsigned sink)
{
	return d->sink[sink].overflow ? d->spool : d->overflow;
}

static bool has_more(const struct spool *q, unsigned sink)
{
	return q && q->cursor[sink] != q->head;
}

bool deliver_has_queued(const struct deliver *d, unsigned sink)
{
	return has_more(d->spool, sink) || has_more(d->overflow, sink) ||
	       d->held[sink].again;
}

bool deliver_wants_change(const struct deliver *d, unsigned sink)
{
	return !has_more(deliver_source(d, sink), sink) &&
	       has_more(other_source(d, sink), sink);
}

void deliver_change(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	uint64_t at = deliver_source(d, sink)->cursor[sink];
	if (!deliver_wants_change(d, sink) || s->written ||
	    deliver_source(d, sink)->keep[sink] != at)
		return;
	s->torn = s->torn && s->torn_at == at;
	if (s->untold_at != at)
		s->untold = 0;
	s->overflow = !s->overflow;
	s->torn_at = s->untold_at = s->given = s->passed =
	    deliver_source(d, sink)->cursor[sink];
	s->untold += s->untold_other;
	s->untold_other = 0;
	s->runs = 0;
}

/* Renders records from the sink's cursor on, for as much as it is likely to
 * take, while a whole line more is sure to fit; returns how many. */
static size_t gather(struct deliver *d, unsigned sink, struct buf *out)
{
	const struct delivery *s = &d->sink[sink];
	const struct spool *q = deliver_source(d, sink);
	uint64_t from = q->cursor[sink], to = from;
	struct record r;
	size_t n = 0;
	*out = buf_of(d->batch->lines, sizeof d->batch->lines);
	while (n < DELIVER_BATCH && out->n < s->offset + s->at_once &&
	       out->cap - out->n >= LIMIT_LINE + 2 && spool_get(q, &to, &r)) {
		deliver_render(d, sink, from, to, &r, out);
		d->batch->position[n] = from = to;
		d->batch->end[n++] = out->n;
	}
	return n;
}

/* It took so many bytes of n. Those that it did not take are rendered again for
 * the next write, so that should be given little more than it takes. */
static void note_taken(struct delivery *s, size_t taken, size_t n)
{
	s->at_once = taken == n ? 2 * s->at_once : taken;
	if (s->at_once < DELIVER_LEAST)
		s->at_once = DELIVER_LEAST;
	if (s->at_once > DELIVER_MOST)
		s->at_once = DELIVER_MOST;
}

/* The sink has got the first `taken` bytes of the batch: moves its cursor. */
static void advance(struct deliver *d, unsigned sink, size_t n, uint64_t taken)
{
	struct delivery *s = &d->sink[sink];
	struct spool *q = deliver_source(d, sink);
	uint64_t begin = 0, to = q->cursor[sink];
	for (size_t i = 0; i < n && d->batch->end[i] <= taken; i++) {
		to = d->batch->position[i];
		s->lines += d->batch->end[i] > begin;
		begin = d->batch->end[i];
	}
	s->offset = taken - begin;
	spool_advance(q, sink, to, s->offset != 0);
}

/* Nobody says when a byte leaves a pipe or a driver, so it is asked for: soon
 * after a write, then ever more seldom. It matters where a file keeps what has
 * not left, where the space is wanted, and on a serial line: once its device is
 * gone nobody knows, and what was not seen to leave comes again. And in the
 * overflow something may wait for it. */
bool deliver_wants_look(const struct deliver *d, unsigned sink)
{
	const struct spool *q = deliver_source(d, sink);
	return (q->keep[sink] != q->cursor[sink] || d->held[sink].n) &&
	       d->sink[sink].state != DELIVERY_DOWN &&
	       (q->durable || spool_used(q) > q->size / 2 ||
		deliver_kind(d, sink) == PLACE_SERIAL ||
		deliver_wants_change(d, sink));
}

/* Moves `keep`. Rendering lines again only to measure them is worth it when a
 * pipe's worth of them has left, or when wants_look() says so. */
void deliver_settle(struct deliver *d, unsigned sink, int64_t now_ms)
{
	struct delivery *s = &d->sink[sink];
	struct spool *q = deliver_source(d, sink);
	uint64_t cursor = q->cursor[sink];
	int64_t most = deliver_wants_change(d, sink) ? DELIVER_LOOK_CHANGE_MS
						     : DELIVER_LOOK_MAX_MS;
	if (q->keep[sink] == cursor && s->written == s->offset &&
	    d->held[sink].n == 0)
		return;
	uint64_t unsent = sink_unsent(&s->sink);
	deliver_settle_held(d, sink, unsent);
	/* the file of the spool lets go of it: it must be in the other one */
	if (d->spool->durable && sink_sync(&s->sink))
		return;
	if (s->look_ms > now_ms + most)
		s->look_ms = now_ms + most;
	bool look = deliver_wants_look(d, sink) && now_ms >= s->look_ms;
	if (unsent == 0) {
		d->progress += q->keep[sink] != cursor;
		spool_settle(q, sink, cursor);
		s->written = s->offset;
	} else if (unsent <= s->written &&
		   (look || s->written - unsent > 65536)) {
		deliver_follow(d, sink, unsent);
	}
	if (look) {
		s->look_after_ms *= 2;
		if (s->look_after_ms > most)
			s->look_after_ms = most;
		s->look_ms = now_ms + s->look_after_ms;
	}
}

void deliver_rewind(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	struct spool *q = deliver_source(d, sink);
	uint64_t to = q->cursor[sink];
	struct record r;
	if (to > s->passed)
		s->passed = to;
	if (s->offset)
		spool_get(q, &to, &r); /* begun counts too */
	if (to > s->given)
		s->given = to;
	spool_rewind(q, sink);
	s->offset = s->written = 0;
}

int deliver_write(struct deliver *d, unsigned sink, struct moment now)
{
	struct delivery *s = &d->sink[sink];
	struct span bytes = SPAN_NONE;
	struct buf lines;
	size_t n = 0;
	long put;
	if (d->held[sink].again) {
		put = deliver_write_held(d, sink);
	} else {
		deliver_skip_old(d, sink, now);
		n = gather(d, sink, &lines);
		if (n == 0)
			return DELIVER_DONE;
		if (lines.n == 0) {
			advance(d, sink, n, 0);
			return DELIVER_PASSED;
		}
		bytes = span_skip(buf_span(&lines), (size_t)s->offset);
		put = sink_write(&s->sink, bytes);
	}
	if (put < 0)
		return (int)put;
	s->look_after_ms = DELIVER_LOOK_MS;
	s->look_ms = now.ms + DELIVER_LOOK_MS;
	if (put == OS_AGAIN)
		return DELIVER_BLOCKED;
	d->progress += (uint64_t)put;
	if (n == 0)
		return DELIVER_TOOK;
	s->written += (uint64_t)put;
	note_taken(s, (size_t)put, bytes.n);
	advance(d, sink, n, s->offset + (uint64_t)put);
	return DELIVER_TOOK;
}
