/* deliver.c - see deliver.h. */
#include "deliver.h"

bool deliver_open(struct deliver *d, struct config *config, struct spool *spool,
		  struct counters *counters, struct log *log, bool colour)
{
	d->config = config;
	d->spool = spool;
	d->counters = counters;
	d->log = log;
	for (unsigned i = 0; i < config->sinks; i++) {
		struct delivery *s = &d->sink[i];
		struct format *f = &config->sink[i].format;
		int error = sink_open_stdout(&s->sink);
		if (error) {
			struct log_line l;
			if (log_begin(log, &l, LOG_ERROR, "cannot open sink")) {
				log_text(&l, "sink",
					 span_of(config->sink[i].name));
				log_error(&l, error);
				log_end(log, &l);
			}
			return false;
		}
		f->colour =
		    colour && s->sink.is_terminal && f->kind == FORMAT_LINE;
	}
	return true;
}

/* Renders the record into *out if that sink wants it. */
static void render(struct deliver *d, unsigned sink, const struct record *r,
		   struct buf *out)
{
	const struct format *f = &d->config->sink[sink].format;
	const struct alert *a = NULL;
	if (r->kind == RECORD_ALERT) {
		struct buf why = buf_of(NULL, 0);
		enum status status =
		    alert_parse(&d->alert, &d->tokens, r->json, &why);
		ASSERT(status == STATUS_OK); /* the intake has read it */
		if (!render_wants(f, &r->envelope, &d->alert))
			return;
		a = &d->alert;
	}
	if (!render_record(out, f, r, a))
		d->counters->lines_cut++;
}

/* Renders records from the sink's cursor on, while a whole line more is sure to
 * fit; returns how many. */
static size_t gather(struct deliver *d, unsigned sink, struct buf *out)
{
	uint64_t position = d->spool->cursor[sink];
	struct record r;
	size_t n = 0;
	*out = buf_of(d->lines, sizeof d->lines);
	while (n < DELIVER_BATCH && out->cap - out->n >= LIMIT_LINE &&
	       spool_get(d->spool, &position, &r)) {
		render(d, sink, &r, out);
		d->position[n] = position;
		d->end[n++] = out->n;
	}
	return n;
}

/* The sink has got the first `taken` bytes of the batch: moves its cursor. */
static void advance(struct deliver *d, unsigned sink, size_t n, size_t taken)
{
	struct delivery *s = &d->sink[sink];
	size_t begin = 0;
	for (size_t i = 0; i < n && d->end[i] <= taken; i++) {
		d->spool->cursor[sink] = d->position[i];
		s->lines += d->end[i] > begin;
		begin = d->end[i];
	}
	s->offset = taken - begin;
}

static void failed(struct deliver *d, unsigned sink, int error, int64_t now_ms)
{
	struct delivery *s = &d->sink[sink];
	struct log_line l;
	s->errors++;
	s->backoff_ms = s->backoff_ms ? 2 * s->backoff_ms : DELIVER_BACKOFF_MS;
	if (s->backoff_ms > DELIVER_BACKOFF_MAX_MS)
		s->backoff_ms = DELIVER_BACKOFF_MAX_MS;
	s->retry_ms = now_ms + s->backoff_ms;
	if (s->state != DELIVERY_DOWN &&
	    log_begin(d->log, &l, LOG_ERROR, "sink is down")) {
		log_text(&l, "sink", span_of(d->config->sink[sink].name));
		log_error(&l, error);
		log_end(d->log, &l);
	}
	s->state = DELIVERY_DOWN;
}

static void works(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	struct log_line l;
	if (s->backoff_ms && log_begin(d->log, &l, LOG_INFO, "sink is up")) {
		log_text(&l, "sink", span_of(d->config->sink[sink].name));
		log_end(d->log, &l);
	}
	s->backoff_ms = 0;
}

static void pump_sink(struct deliver *d, unsigned sink, int64_t now_ms)
{
	struct delivery *s = &d->sink[sink];
	struct buf lines;
	size_t n;
	if (s->state == DELIVERY_DOWN && now_ms >= s->retry_ms)
		s->state = DELIVERY_UP;
	while (s->state == DELIVERY_UP && (n = gather(d, sink, &lines)) > 0) {
		if (lines.n == 0) {
			advance(d, sink, n, 0);
			continue;
		}
		long put = sink_write(&s->sink,
				      span_skip(buf_span(&lines), s->offset));
		if (put < 0) {
			failed(d, sink, (int)put, now_ms);
			return;
		}
		works(d, sink);
		d->progress += (uint64_t)put;
		if (put == OS_AGAIN)
			s->state = DELIVERY_FULL;
		else
			advance(d, sink, n, s->offset + (size_t)put);
	}
}

void deliver_pump(struct deliver *d, int64_t now_ms)
{
	for (unsigned i = 0; i < d->config->sinks; i++)
		pump_sink(d, i, now_ms);
}

int64_t deliver_deadline(const struct deliver *d)
{
	int64_t least = INT64_MAX;
	for (unsigned i = 0; i < d->config->sinks; i++) {
		const struct delivery *s = &d->sink[i];
		bool queued = d->spool->cursor[i] != d->spool->head;
		if (s->state == DELIVERY_DOWN && queued && s->retry_ms < least)
			least = s->retry_ms;
	}
	return least;
}

int deliver_wants_poll(const struct deliver *d, unsigned sink)
{
	const struct delivery *s = &d->sink[sink];
	return s->state == DELIVERY_FULL ? s->sink.fd : -1;
}

void deliver_writable(struct deliver *d, unsigned sink)
{
	d->sink[sink].state = DELIVERY_UP;
}

bool deliver_is_up(const struct deliver *d, unsigned sink)
{
	const struct delivery *s = &d->sink[sink];
	return s->state != DELIVERY_DOWN && sink_is_alive(&s->sink);
}
