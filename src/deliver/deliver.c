/* deliver.c - see deliver.h: the states of a sink. */
#include "deliver/inside.h"

#include <errno.h>
#include <poll.h>

static void log_sink(struct deliver *d, unsigned sink, enum log_level level,
		     const char *message, int error)
{
	struct log_line l;
	if (!log_begin(d->log, &l, level, message))
		return;
	log_text(&l, "sink", span_of(d->config->sink[sink].name));
	if (error == -ENXIO && deliver_kind(d, sink) == PLACE_FIFO)
		log_text(&l, "error", SPAN("no reader"));
	else if (error == -EINVAL)
		log_text(&l, "error", SPAN("not a FIFO"));
	else if (error == -ENOTTY)
		log_text(&l, "error", SPAN("not a serial line"));
	else if (error == -EBUSY)
		log_text(&l, "error", SPAN("another process has it"));
	else if (error)
		log_error(&l, error);
	log_end(d->log, &l);
}

/* The reader of a FIFO has left. What it has not read is taken back and comes
 * again, from the line on within which it left: nobody would tell us of another
 * reader that comes and leaves within a line meanwhile. */
static void lose_reader(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	long back =
	    sink_take_back(&s->sink, d->batch->lines, sizeof d->batch->lines);
	if (back < 0) {
		/* out of reach, also for any other reader */
		back = (long)sink_unsent(&s->sink);
		sink_close(&s->sink);
	}
	deliver_lose_held(d, sink, (uint64_t)back);
	if ((uint64_t)back <= s->written)
		deliver_follow(d, sink, (uint64_t)back);
	deliver_rewind(d, sink);
}

/* The device is gone, and with it what the driver had not sent. Where nobody
 * knows how much that is, any byte may have been the last one. */
static void lose_device(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	const uint64_t *keep = &deliver_source(d, sink)->keep[sink];
	uint64_t unsent = sink_unsent(&s->sink), from = *keep;
	deliver_lose_held(d, sink, unsent);
	bool begun = unsent <= s->written ? deliver_follow(d, sink, unsent) != 0
					  : s->written != 0;
	/* what was torn before stays so until something behind it has left */
	s->torn = begun || (s->torn && s->torn_at == from && *keep == from);
	s->torn_at = *keep;
	deliver_rewind(d, sink);
	sink_drop_unsent(&s->sink);
	sink_close(&s->sink);
}

/* The path leads to another pipe now, or to none. Who reads the old one still
 * gets what is in there. */
static void leave_old_pipe(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	struct spool *q = deliver_source(d, sink);
	if (sink_is_alive(&s->sink))
		d->held[sink].n = d->held[sink].again = 0;
	else
		lose_reader(d, sink);
	spool_settle(q, sink, q->cursor[sink]);
	deliver_rewind(d, sink);
	sink_close(&s->sink);
}

/* What was not seen to leave comes again. With its reader there, a pipe is
 * still good. */
static void lose(struct deliver *d, unsigned sink)
{
	struct sink *s = &d->sink[sink].sink;
	switch (deliver_kind(d, sink)) {
	case PLACE_STDOUT:
		break;
	case PLACE_FIFO:
		if (s->fd >= 0 && !sink_is_alive(s))
			lose_reader(d, sink);
		break;
	case PLACE_SERIAL:
		if (s->fd >= 0)
			lose_device(d, sink);
		break;
	}
}

/* A FIFO between two readers is nothing to count, nor, as long as it does not
 * last, to talk about. */
static void go_down(struct deliver *d, unsigned sink, int error, int64_t now_ms)
{
	struct delivery *s = &d->sink[sink];
	struct backoff *b = &s->backoff;
	bool fifo = deliver_kind(d, sink) == PLACE_FIFO;
	int64_t most = fifo ? DELIVER_FIFO_BACKOFF_MS : DELIVER_BACKOFF_MAX_MS;
	bool gone = error == -EPIPE || error == -ENXIO;
	s->errors += !gone || (!fifo && s->state != DELIVERY_DOWN);
	b->pause_ms = b->pause_ms ? 2 * b->pause_ms : fifo ? 10 : 100;
	if (b->pause_ms > most)
		b->pause_ms = most;
	b->retry_ms = now_ms + b->pause_ms;
	b->failures++;
	if (!b->told && b->failures >= (fifo ? 5U : 1U)) {
		log_sink(d, sink, LOG_WARN, "sink is down", error);
		b->told = true;
	}
	s->state = DELIVERY_DOWN;
}

/* It has taken lines, or there are none and it could be opened. */
static void works(struct deliver *d, unsigned sink)
{
	struct backoff *b = &d->sink[sink].backoff;
	if (b->told)
		log_sink(d, sink, LOG_INFO, "sink is up", 0);
	*b = (struct backoff){.failures = 0};
}

/* The machine that deliver.h draws. */
static void step(struct deliver *d, unsigned sink, enum delivery_event event,
		 int error, int64_t now_ms)
{
	struct delivery *s = &d->sink[sink];
	if (event == DELIVERY_BROKE) {
		if (s->state != DELIVERY_DOWN)
			lose(d, sink);
		go_down(d, sink, error, now_ms);
		return;
	}
	switch (s->state) {
	case DELIVERY_DOWN:
		if (event == DELIVERY_OPENED)
			s->state = DELIVERY_UP;
		break;
	case DELIVERY_UP:
		if (event == DELIVERY_BLOCKS) {
			s->state = DELIVERY_FULL;
			s->full_ms = now_ms;
		}
		break;
	case DELIVERY_FULL:
		if (event == DELIVERY_HAS_ROOM)
			s->state = DELIVERY_UP;
		break;
	}
}

/* Opens it, or finds out that the other end is there again. */
static void try_up(struct deliver *d, unsigned sink, int64_t now_ms)
{
	struct delivery *s = &d->sink[sink];
	bool fifo = deliver_kind(d, sink) == PLACE_FIFO;
	int error = 0;
	if (fifo && sink_was_replaced(&s->sink))
		leave_old_pipe(d, sink);
	if (s->sink.fd < 0)
		error = sink_open(&s->sink, &d->config->sink[sink].place);
	else if (!sink_is_alive(&s->sink))
		error = fifo ? -ENXIO : -EPIPE;
	step(d, sink, error ? DELIVERY_BROKE : DELIVERY_OPENED, error, now_ms);
	/* with lines waiting, only a write shows that it works */
	if (error == 0 && !deliver_has_queued(d, sink))
		works(d, sink);
}

/* Writes what is queued, as far as it takes it. */
static void write_lines(struct deliver *d, unsigned sink, struct moment now)
{
	while (d->sink[sink].state == DELIVERY_UP) {
		int done = deliver_write(d, sink, now);
		if (done == DELIVER_DONE)
			return;
		if (done == DELIVER_TOOK)
			works(d, sink);
		if (done == DELIVER_BLOCKED)
			step(d, sink, DELIVERY_BLOCKS, 0, now.ms);
		if (done < 0)
			step(d, sink, DELIVERY_BROKE, done, now.ms);
	}
}

/* Tries a sink that is down, if there is anything for it and it is time. */
static bool comes_up(struct deliver *d, unsigned sink, int64_t now_ms)
{
	struct delivery *s = &d->sink[sink];
	deliver_pass_over(d, sink);
	deliver_change(d, sink);
	if (now_ms >= s->backoff.retry_ms && deliver_has_queued(d, sink))
		try_up(d, sink, now_ms);
	return s->state != DELIVERY_DOWN;
}

static void pump_sink(struct deliver *d, unsigned sink, struct moment now)
{
	struct delivery *s = &d->sink[sink];
	if (s->state == DELIVERY_DOWN && !comes_up(d, sink, now.ms))
		return;
	deliver_settle(d, sink, now.ms);
	deliver_change(d, sink);
	write_lines(d, sink, now);
	if (s->state != DELIVERY_DOWN)
		deliver_settle(d, sink, now.ms);
	/* the next turn goes on with the other one */
	if (s->state != DELIVERY_DOWN && s->written == 0 &&
	    deliver_wants_change(d, sink))
		d->progress++;
}

bool deliver_open(struct deliver *d, const struct config *config,
		  struct spool *spool, struct spool *overflow,
		  struct counters *counters, struct log *log,
		  struct batch *batch, bool colour, struct moment now)
{
	d->config = config;
	d->spool = spool;
	d->overflow = overflow;
	d->counters = counters;
	d->log = log;
	d->batch = batch;
	for (unsigned i = 0; i < config->sinks; i++) {
		struct delivery *s = &d->sink[i];
		s->format = config->sink[i].format;
		s->at_once = DELIVER_MOST;
		s->untold = spool->untold[i];
		s->untold_at = spool->cursor[i];
		int error = sink_open(&s->sink, &config->sink[i].place);
		if (error == -EINVAL || error == -ENOTTY || error == -EBUSY ||
		    (error && deliver_kind(d, i) != PLACE_SERIAL &&
		     error != -ENXIO)) {
			log_sink(d, i, LOG_ERROR, "cannot open sink", error);
			return false;
		}
		if (error)
			step(d, i, DELIVERY_BROKE, error, now.ms);
		else
			step(d, i, DELIVERY_OPENED, 0, now.ms);
		s->format.colour = colour && s->sink.is_terminal &&
				   s->format.kind == FORMAT_LINE;
	}
	return true;
}

/* A restart has to know what no line has told of. */
static void note_untold(struct deliver *d, unsigned sink)
{
	const struct delivery *s = &d->sink[sink];
	bool told = s->untold_at < deliver_source(d, sink)->keep[sink];
	spool_note_untold(d->spool, sink,
			  (told ? 0 : s->untold) + s->untold_other);
}

void deliver_pump(struct deliver *d, struct moment now)
{
	for (unsigned i = 0; i < d->config->sinks; i++)
		pump_sink(d, i, now);
	deliver_make_room(d, now.ms);
	for (unsigned i = 0; i < d->config->sinks; i++)
		note_untold(d, i);
}

/* Would room be made if a sink that is FULL counted as stalled? */
static bool is_wanting(const struct spool *q)
{
	return q && spool_used(q) > q->size / 2;
}

int64_t deliver_deadline(const struct deliver *d, int64_t now_ms)
{
	int64_t least = INT64_MAX;
	bool wanting = is_wanting(d->spool) || is_wanting(d->overflow);
	for (unsigned i = 0; i < d->config->sinks; i++) {
		const struct delivery *s = &d->sink[i];
		if (s->state == DELIVERY_DOWN && deliver_has_queued(d, i) &&
		    s->backoff.retry_ms < least)
			least = s->backoff.retry_ms;
		if (deliver_wants_look(d, i) && s->look_ms < least)
			least = s->look_ms;
		/* then it may give way */
		int64_t stalled_ms = s->full_ms + DELIVER_STALLED_MS;
		if (s->state == DELIVERY_FULL && stalled_ms > now_ms &&
		    stalled_ms < least && wanting)
			least = stalled_ms;
	}
	return least;
}

int deliver_wants_poll(const struct deliver *d, unsigned sink, short *events)
{
	const struct delivery *s = &d->sink[sink];
	*events = s->state == DELIVERY_FULL ? POLLOUT : 0;
	if (s->state == DELIVERY_DOWN)
		return -1;
	/* nobody waits for standard output to end */
	if (deliver_kind(d, sink) == PLACE_STDOUT && s->state == DELIVERY_UP)
		return -1;
	return s->sink.fd;
}

void deliver_ready(struct deliver *d, unsigned sink, short events,
		   struct moment now)
{
	bool fifo = deliver_kind(d, sink) == PLACE_FIFO;
	if (events & (POLLERR | POLLHUP | POLLNVAL) &&
	    deliver_kind(d, sink) != PLACE_STDOUT)
		step(d, sink, DELIVERY_BROKE, fifo ? -ENXIO : -EIO, now.ms);
	else
		step(d, sink, DELIVERY_HAS_ROOM, 0, now.ms);
}

void deliver_look(struct deliver *d, int64_t now_ms)
{
	for (unsigned i = 0; i < d->config->sinks; i++) {
		d->sink[i].look_ms = now_ms;
		if (d->sink[i].state != DELIVERY_DOWN)
			deliver_settle(d, i, now_ms);
	}
}

bool deliver_is_done(const struct deliver *d)
{
	for (unsigned i = 0; i < d->config->sinks; i++)
		if (d->held[i].n)
			return false;
	return spool_used(d->spool) == 0 &&
	       (d->overflow == NULL || spool_used(d->overflow) == 0);
}

bool deliver_is_up(struct deliver *d, unsigned sink, struct moment now)
{
	struct delivery *s = &d->sink[sink];
	if (s->state == DELIVERY_DOWN && (!deliver_has_queued(d, sink) ||
					  deliver_kind(d, sink) == PLACE_FIFO))
		try_up(d, sink, now.ms);
	if (s->state == DELIVERY_DOWN)
		return false;
	if (sink_is_alive(&s->sink))
		return true;
	/* acted on before it is told: who hears of it may be the next reader */
	if (deliver_kind(d, sink) == PLACE_FIFO)
		step(d, sink, DELIVERY_BROKE, -ENXIO, now.ms);
	return false;
}

static void reopen(struct deliver *d, unsigned sink, struct moment now)
{
	struct delivery *s = &d->sink[sink];
	bool replaced = sink_was_replaced(&s->sink);
	switch (deliver_kind(d, sink)) {
	case PLACE_STDOUT:
		return;
	case PLACE_FIFO:
		if (s->sink.fd >= 0 && !replaced)
			return; /* the same pipe: nothing would change */
		leave_old_pipe(d, sink);
		break;
	case PLACE_SERIAL:
		if (s->sink.fd >= 0)
			lose_device(d, sink);
		break;
	}
	s->state = DELIVERY_DOWN;
	try_up(d, sink, now.ms);
}

void deliver_reopen(struct deliver *d, struct moment now)
{
	for (unsigned i = 0; i < d->config->sinks; i++)
		reopen(d, i, now);
}

void deliver_close(struct deliver *d)
{
	for (unsigned i = 0; i < d->config->sinks; i++) {
		sink_drop_unsent(&d->sink[i].sink);
		sink_close(&d->sink[i].sink);
	}
}
