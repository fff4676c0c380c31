/*
 * deliver.c - see deliver.h.
 *
 * Invariant: rendering a record for a sink gives the same bytes each time from
 * its first byte's write until `keep` has passed it; so what is decided once
 * (too old, behind a torn line) is kept in struct delivery until then.
 */
#include "deliver/deliver.h"

#include <errno.h>
#include <poll.h>

static enum place_kind kind_of(const struct deliver *d, unsigned sink)
{
	return d->config->sink[sink].place.kind;
}

static void log_sink(struct deliver *d, unsigned sink, enum log_level level,
		     const char *message, int error)
{
	struct log_line l;
	if (!log_begin(d->log, &l, level, message))
		return;
	log_text(&l, "sink", span_of(d->config->sink[sink].name));
	if (error == -ENXIO && kind_of(d, sink) == PLACE_FIFO)
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

/* Renders records from the sink's cursor on, for as much as it is likely to
 * take, while a whole line more is sure to fit; returns how many. */
static size_t gather(struct deliver *d, unsigned sink, struct buf *out)
{
	const struct delivery *s = &d->sink[sink];
	const struct spool *q = deliver_source(d, sink);
	uint64_t from = q->cursor[sink], to = from;
	struct record r;
	size_t n = 0;
	*out = buf_of(d->lines, sizeof d->lines);
	while (n < DELIVER_BATCH && out->n < s->offset + s->at_once &&
	       out->cap - out->n >= LIMIT_LINE + 2 && spool_get(q, &to, &r)) {
		deliver_render(d, sink, from, to, &r, out);
		d->position[n] = from = to;
		d->end[n++] = out->n;
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
	uint64_t begin = 0;
	for (size_t i = 0; i < n && d->end[i] <= taken; i++) {
		q->cursor[sink] = d->position[i];
		s->lines += d->end[i] > begin;
		begin = d->end[i];
	}
	s->offset = taken - begin;
	q->begun[sink] = s->offset != 0;
}

/* Moves `keep` over lines that have left, the first `left` bytes of what was
 * written; returns how many bytes of the next line are among them. */
static uint64_t follow(struct deliver *d, unsigned sink, uint64_t left)
{
	struct delivery *s = &d->sink[sink];
	struct spool *q = deliver_source(d, sink);
	uint64_t from = q->keep[sink], to = from;
	struct record r;
	while (from < q->cursor[sink] && spool_get(q, &to, &r)) {
		struct buf line = buf_of(d->lines, sizeof d->lines);
		deliver_render(d, sink, from, to, &r, &line);
		if (line.n > left)
			break;
		left -= line.n;
		s->written -= line.n;
		q->keep[sink] = from = to;
		d->progress++;
	}
	return left;
}

/* What the sink is not given now, the spool or the overflow. */
static struct spool *other_source(const struct deliver *d, unsigned sink)
{
	return d->sink[sink].overflow ? d->spool : d->overflow;
}

bool deliver_has_queued(const struct deliver *d, unsigned sink)
{
	const struct spool *q = deliver_source(d, sink);
	const struct spool *other = other_source(d, sink);
	return q->cursor[sink] != q->head ||
	       (other && other->cursor[sink] != other->head);
}

/* Has it been given all of the one, and is there more in the other? */
static bool wants_change(const struct deliver *d, unsigned sink)
{
	const struct spool *q = deliver_source(d, sink);
	return q->cursor[sink] == q->head && deliver_has_queued(d, sink);
}

/* Goes on with the other one once all has left: so nothing of the one that is
 * left ever comes again. */
static void change_source(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	uint64_t at = deliver_source(d, sink)->cursor[sink];
	if (!wants_change(d, sink) || s->written ||
	    deliver_source(d, sink)->keep[sink] != at)
		return;
	s->torn = s->torn && s->torn_at == at;
	if (s->untold_at != at)
		s->untold = 0;
	s->overflow = !s->overflow;
	s->torn_at = s->untold_at = s->given =
	    deliver_source(d, sink)->cursor[sink];
	s->untold += s->untold_other;
	s->untold_other = 0;
	s->runs = 0;
}

/* Nobody says when a byte leaves a pipe or a driver, so it is asked for: soon
 * after a write, then ever more seldom. It matters where a file keeps what has
 * not left, where the space is wanted, and on a serial line: once its device is
 * gone nobody knows, and what was not seen to leave comes again. And in the
 * overflow something may wait for it. */
static bool wants_look(const struct deliver *d, unsigned sink)
{
	const struct spool *q = deliver_source(d, sink);
	return q->keep[sink] != q->cursor[sink] &&
	       d->sink[sink].state != DELIVERY_DOWN &&
	       (q->durable || spool_used(q) > q->size / 2 ||
		kind_of(d, sink) == PLACE_SERIAL || wants_change(d, sink));
}

/* Moves `keep`. Rendering lines again only to measure them is worth it when a
 * pipe's worth of them has left, or when wants_look() says so. */
static void settle(struct deliver *d, unsigned sink, int64_t now_ms)
{
	struct delivery *s = &d->sink[sink];
	struct spool *q = deliver_source(d, sink);
	uint64_t *keep = &q->keep[sink];
	int64_t most = wants_change(d, sink) ? DELIVER_LOOK_CHANGE_MS
					     : DELIVER_LOOK_MAX_MS;
	if (*keep == q->cursor[sink] && s->written == s->offset)
		return;
	uint64_t unsent = sink_unsent(&s->sink);
	/* the file of the spool lets go of it: it must be in the other one */
	if (d->spool->durable && sink_sync(&s->sink))
		return;
	if (s->look_ms > now_ms + most)
		s->look_ms = now_ms + most;
	bool look = wants_look(d, sink) && now_ms >= s->look_ms;
	if (unsent == 0) {
		d->progress += *keep != q->cursor[sink];
		*keep = q->cursor[sink];
		s->written = s->offset;
	} else if (unsent <= s->written &&
		   (look || s->written - unsent > 65536)) {
		follow(d, sink, s->written - unsent);
	}
	if (look) {
		s->look_after_ms *= 2;
		if (s->look_after_ms > most)
			s->look_after_ms = most;
		s->look_ms = now_ms + s->look_after_ms;
	}
}

static void rewind_to_keep(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	struct spool *q = deliver_source(d, sink);
	uint64_t to = q->cursor[sink];
	struct record r;
	if (s->offset)
		spool_get(q, &to, &r); /* begun counts too */
	if (to > s->given)
		s->given = to;
	q->cursor[sink] = q->keep[sink];
	s->offset = s->written = 0;
	q->begun[sink] = false;
}

/* The reader of a FIFO has left. What it has not read is taken back and comes
 * again, from the line on within which it left: nobody would tell us of another
 * reader that comes and leaves within a line meanwhile. */
static void lose_reader(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	long back = sink_take_back(&s->sink, d->lines, sizeof d->lines);
	if (back < 0) {
		/* out of reach, also for any other reader */
		back = (long)sink_unsent(&s->sink);
		sink_close(&s->sink);
	}
	if ((uint64_t)back <= s->written)
		follow(d, sink, s->written - (uint64_t)back);
	rewind_to_keep(d, sink);
}

/* The device is gone, and with it what the driver had not sent. Where nobody
 * knows how much that is, any byte may have been the last one. */
static void lose_device(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	uint64_t unsent = sink_unsent(&s->sink);
	if (unsent <= s->written)
		s->torn = follow(d, sink, s->written - unsent) != 0;
	else
		s->torn = s->written != 0;
	s->torn_at = deliver_source(d, sink)->keep[sink];
	rewind_to_keep(d, sink);
	sink_drop_unsent(&s->sink);
	sink_close(&s->sink);
}

/* It takes no lines for now. A FIFO between two readers is nothing to talk
 * about, so that is only told when it lasts. */
static void go_down(struct deliver *d, unsigned sink, int error, int64_t now_ms)
{
	struct delivery *s = &d->sink[sink];
	bool fifo = kind_of(d, sink) == PLACE_FIFO;
	int64_t most = fifo ? DELIVER_FIFO_BACKOFF_MS : DELIVER_BACKOFF_MAX_MS;
	s->backoff_ms = s->backoff_ms ? 2 * s->backoff_ms : fifo ? 10 : 100;
	if (s->backoff_ms > most)
		s->backoff_ms = most;
	s->retry_ms = now_ms + s->backoff_ms;
	s->state = DELIVERY_DOWN;
	s->failures++;
	if (!s->told && s->failures >= (fifo ? 5U : 1U)) {
		log_sink(d, sink, LOG_WARN, "sink is down", error);
		s->told = true;
	}
}

static void failed(struct deliver *d, unsigned sink, int error, int64_t now_ms)
{
	struct delivery *s = &d->sink[sink];
	switch (kind_of(d, sink)) {
	case PLACE_STDOUT:
		s->errors++;
		break;
	case PLACE_FIFO:
		s->errors += error != -EPIPE && error != -ENXIO;
		/* with its reader there, the pipe is still good */
		if (s->sink.fd >= 0 && !sink_is_alive(&s->sink))
			lose_reader(d, sink);
		break;
	case PLACE_SERIAL:
		s->errors++;
		if (s->sink.fd >= 0)
			lose_device(d, sink);
		break;
	}
	go_down(d, sink, error, now_ms);
}

/* It has taken lines, or there are none and it could be opened. */
static void works(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	s->backoff_ms = 0;
	s->failures = 0;
	if (s->told)
		log_sink(d, sink, LOG_INFO, "sink is up", 0);
	s->told = false;
}

/* The path leads to another pipe now, or to none. Who reads the old one still
 * gets what is in there. */
static void leave_old_pipe(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	struct spool *q = deliver_source(d, sink);
	if (!sink_is_alive(&s->sink))
		lose_reader(d, sink);
	q->keep[sink] = q->cursor[sink];
	rewind_to_keep(d, sink);
	sink_close(&s->sink);
}

/* Opens it, or finds out that the other end is there again. */
static void try_up(struct deliver *d, unsigned sink, int64_t now_ms)
{
	struct delivery *s = &d->sink[sink];
	int error = 0;
	if (kind_of(d, sink) == PLACE_FIFO && sink_was_replaced(&s->sink))
		leave_old_pipe(d, sink);
	if (s->sink.fd < 0)
		error = sink_open(&s->sink, &d->config->sink[sink].place);
	else if (!sink_is_alive(&s->sink))
		error = kind_of(d, sink) == PLACE_FIFO ? -ENXIO : -EPIPE;
	if (error) {
		s->errors += error != -EPIPE && error != -ENXIO;
		go_down(d, sink, error, now_ms);
		return;
	}
	s->state = DELIVERY_UP;
	/* with lines waiting, only a write shows that it works */
	if (!deliver_has_queued(d, sink))
		works(d, sink);
}

/* Writes what is queued for a sink that takes lines. */
static void write_lines(struct deliver *d, unsigned sink, struct moment now)
{
	struct delivery *s = &d->sink[sink];
	struct buf lines;
	while (s->state == DELIVERY_UP) {
		deliver_skip_old(d, sink, now);
		size_t n = gather(d, sink, &lines);
		if (n == 0)
			break;
		if (lines.n == 0) {
			advance(d, sink, n, 0);
			continue;
		}
		struct span bytes =
		    span_skip(buf_span(&lines), (size_t)s->offset);
		long put = sink_write(&s->sink, bytes);
		if (put < 0) {
			failed(d, sink, (int)put, now.ms);
			return;
		}
		d->progress += (uint64_t)put;
		s->written += (uint64_t)put;
		s->look_after_ms = DELIVER_LOOK_MS;
		s->look_ms = now.ms + DELIVER_LOOK_MS;
		if (put == OS_AGAIN) {
			s->state = DELIVERY_FULL;
			s->full_ms = now.ms;
			break;
		}
		note_taken(s, (size_t)put, bytes.n);
		works(d, sink);
		advance(d, sink, n, s->offset + (uint64_t)put);
	}
}

static void pump_sink(struct deliver *d, unsigned sink, struct moment now)
{
	struct delivery *s = &d->sink[sink];
	if (s->state == DELIVERY_DOWN) {
		deliver_pass_over(d, sink);
		change_source(d, sink);
		if (now.ms < s->retry_ms || !deliver_has_queued(d, sink))
			return;
		try_up(d, sink, now.ms);
	}
	if (s->state == DELIVERY_DOWN)
		return;
	settle(d, sink, now.ms);
	change_source(d, sink);
	write_lines(d, sink, now);
	if (s->state == DELIVERY_DOWN)
		return;
	settle(d, sink, now.ms);
	/* the next turn goes on with the other one */
	if (wants_change(d, sink) && s->written == 0)
		d->progress++;
}

bool deliver_open(struct deliver *d, struct config *config, struct spool *spool,
		  struct spool *overflow, struct counters *counters,
		  struct log *log, bool colour, struct moment now)
{
	d->config = config;
	d->spool = spool;
	d->overflow = overflow;
	d->counters = counters;
	d->log = log;
	for (unsigned i = 0; i < config->sinks; i++) {
		struct delivery *s = &d->sink[i];
		struct format *f = &config->sink[i].format;
		s->at_once = DELIVER_MOST;
		s->untold = spool->untold[i];
		s->untold_at = spool->cursor[i];
		int error = sink_open(&s->sink, &config->sink[i].place);
		if (error == -EINVAL || error == -ENOTTY || error == -EBUSY ||
		    (error && kind_of(d, i) != PLACE_SERIAL &&
		     error != -ENXIO)) {
			log_sink(d, i, LOG_ERROR, "cannot open sink", error);
			return false;
		}
		if (error)
			go_down(d, i, error, now.ms);
		else
			s->state = DELIVERY_UP;
		f->colour =
		    colour && s->sink.is_terminal && f->kind == FORMAT_LINE;
	}
	return true;
}

/* A restart has to know what no line has told of. */
static void note_untold(struct deliver *d, unsigned sink)
{
	const struct delivery *s = &d->sink[sink];
	bool told = s->untold_at < deliver_source(d, sink)->keep[sink];
	d->spool->untold[sink] = (told ? 0 : s->untold) + s->untold_other;
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
		    s->retry_ms < least)
			least = s->retry_ms;
		if (wants_look(d, i) && s->look_ms < least)
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
	if (kind_of(d, sink) == PLACE_STDOUT && s->state == DELIVERY_UP)
		return -1;
	return s->sink.fd;
}

void deliver_ready(struct deliver *d, unsigned sink, short events,
		   struct moment now)
{
	struct delivery *s = &d->sink[sink];
	if (events & (POLLERR | POLLHUP | POLLNVAL) &&
	    kind_of(d, sink) != PLACE_STDOUT)
		failed(d, sink, kind_of(d, sink) == PLACE_FIFO ? -ENXIO : -EIO,
		       now.ms);
	else if (s->state == DELIVERY_FULL)
		s->state = DELIVERY_UP;
}

bool deliver_is_done(const struct deliver *d)
{
	return spool_used(d->spool) == 0 &&
	       (d->overflow == NULL || spool_used(d->overflow) == 0);
}

bool deliver_is_up(struct deliver *d, unsigned sink, struct moment now)
{
	struct delivery *s = &d->sink[sink];
	if (s->state == DELIVERY_DOWN &&
	    (!deliver_has_queued(d, sink) || kind_of(d, sink) == PLACE_FIFO))
		try_up(d, sink, now.ms);
	if (s->state == DELIVERY_DOWN)
		return false;
	if (sink_is_alive(&s->sink))
		return true;
	/* acted on before it is told: who hears of it may be the next reader */
	if (kind_of(d, sink) == PLACE_FIFO)
		failed(d, sink, -ENXIO, now.ms);
	return false;
}

static void reopen(struct deliver *d, unsigned sink, struct moment now)
{
	struct delivery *s = &d->sink[sink];
	bool replaced = sink_was_replaced(&s->sink);
	switch (kind_of(d, sink)) {
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
