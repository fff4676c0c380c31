/* room.c - what a sink gives up for the others, for inside.h. */
#include "deliver/inside.h"

/* What a pipe or a driver has of its lines stays there, see deliver_hold(); one
 * that was begun is told from the next one. */
static void leave_lines(struct delivery *s, struct spool *q, unsigned sink)
{
	s->torn = (s->torn && s->torn_at >= q->keep[sink]) || s->offset != 0;
	if (s->untold_at < q->keep[sink])
		s->untold = 0; /* it was told of */
	spool_settle(q, sink, q->cursor[sink]);
	spool_rewind(q, sink); /* nothing of the next one is out */
	s->offset = s->written = 0;
}

/* Lets the sink give up the oldest record in there that it has not got. False:
 * that has to stay. */
static bool drop(struct deliver *d, struct spool *q, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	bool at_hand = deliver_source(d, sink) == q;
	uint64_t to;
	struct record r;
	if (at_hand) {
		bool begun = deliver_hold(d, sink);
		leave_lines(s, q, sink);
		if (begun)
			return true;
		/* its reader left what may have had its 200 */
		if (!q->durable && q->cursor[sink] < s->passed)
			return deliver_hold_passed(d, sink);
	}
	to = q->cursor[sink];
	if (!spool_get(q, &to, &r))
		return true;
	if (deliver_wants(d, q, sink, to, &r)) {
		s->dropped++;
		if (d->config->sink[sink].no_wait)
			*(at_hand ? &s->untold : &s->untold_other) += 1;
	}
	spool_drop(q, sink);
	if (at_hand) {
		s->torn_at = s->untold_at = q->cursor[sink];
		if (s->given < q->cursor[sink])
			s->given = q->cursor[sink];
	}
	d->progress++;
	return true;
}

/* It takes nothing, and has not for a while. */
static bool is_stalled(const struct deliver *d, unsigned sink, int64_t now_ms)
{
	const struct delivery *s = &d->sink[sink];
	return s->state == DELIVERY_DOWN ||
	       (s->state == DELIVERY_FULL &&
		now_ms - s->full_ms >= DELIVER_STALLED_MS);
}

/* Is one that requests wait for not stalled? */
static bool goes_on(const struct deliver *d, int64_t now_ms)
{
	for (unsigned i = 0; i < d->config->sinks; i++)
		if (!d->config->sink[i].no_wait && !is_stalled(d, i, now_ms))
			return true;
	return false;
}

/* May it let go of what it has not got? With wait=no always. Else where that
 * is in memory, since nothing there has had its 200 before all have got it, for
 * a sink that goes on while this one is stalled. */
static bool gives_way(const struct deliver *d, const struct spool *q,
		      unsigned sink, int64_t now_ms)
{
	if (d->config->sink[sink].no_wait)
		return true;
	return !q->durable && is_stalled(d, sink, now_ms) && goes_on(d, now_ms);
}

static void make_room(struct deliver *d, struct spool *q, int64_t now_ms)
{
	while (spool_used(q) > q->size / 2) {
		uint64_t tail = spool_tail(q);
		for (unsigned i = 0; i < d->config->sinks; i++)
			if (q->keep[i] == tail && !gives_way(d, q, i, now_ms))
				return;
		for (unsigned i = 0; i < d->config->sinks; i++)
			if (q->keep[i] == tail && !drop(d, q, i))
				return;
	}
}

/* What is not in memory nobody gives up: then those that have not got it may
 * keep the others from what comes. */
static bool is_stuck(const struct deliver *d, int64_t now_ms)
{
	const struct spool *q = d->spool;
	uint64_t tail = spool_tail(q);
	if (!q->durable || tail == q->head || !goes_on(d, now_ms))
		return false;
	for (unsigned i = 0; i < d->config->sinks; i++)
		if (q->keep[i] == tail && is_stalled(d, i, now_ms))
			return true;
	return false;
}

void deliver_make_room(struct deliver *d, int64_t now_ms)
{
	bool stuck = is_stuck(d, now_ms);
	make_room(d, d->spool, now_ms);
	if (d->overflow)
		make_room(d, d->overflow, now_ms);
	/* a request that waits for room may find some in the overflow now */
	d->progress += stuck && !d->spool->stuck;
	d->spool->stuck = stuck;
}
