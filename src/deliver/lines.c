/* lines.c - what a sink is given of each record, for inside.h. */
#include "deliver/inside.h"
#include "render/render.h"

/* The run that a record at that position belongs to, or NULL. */
static const struct skip_run *run_of(const struct delivery *s, uint64_t from)
{
	for (unsigned i = 0; i < s->runs; i++)
		if (from >= s->run[i].from && from < s->run[i].to)
			return &s->run[i];
	return NULL;
}

/* The line that stands for a run of alerts that are too old. */
static void render_skipped(struct deliver *d, unsigned sink,
			   const struct skip_run *run, const struct record *r,
			   struct buf *out)
{
	struct record notice = {.kind = RECORD_NOTICE_SKIPPED,
				.count = run->count,
				.received_s = r->received_s};
	if (notice.count)
		render_record(out, &d->sink[sink].format, &notice, NULL);
}

/* The line that tells of what was dropped in front of a record. */
static void render_dropped(const struct delivery *s, const struct format *f,
			   const struct record *r, struct buf *out)
{
	struct record notice = {.kind = RECORD_NOTICE_DROPPED,
				.count = s->untold,
				.received_s = r->received_s};
	render_record(out, f, &notice, NULL);
}

/* Takes the alert of the record that ends at `to` apart, into d->alert. What
 * this process has put into the spool was read before. False if it is not of
 * our making: a file that was tampered with. */
static bool take_apart(struct deliver *d, const struct spool *q, uint64_t to,
		       const struct record *r)
{
	struct buf why = buf_of(NULL, 0);
	if (to > q->started && alert_restore(&d->alert, r->json, r->index))
		return true;
	return alert_parse(&d->alert, &d->reader, r->json, &why) == STATUS_OK;
}

/* The line that stands for an alert that is not of our making. */
static bool render_lost(const struct format *f, const struct record *r,
			struct buf *out)
{
	struct record notice = *r;
	notice.kind = RECORD_NOTICE_LOST;
	notice.count = 1;
	return render_record(out, f, &notice, NULL);
}

/* Appends the line of the record in [from, to) for that sink, if it wants one.
 */
void deliver_render(struct deliver *d, unsigned sink, uint64_t from,
		    uint64_t to, const struct record *r, struct buf *out)
{
	const struct format *f = &d->sink[sink].format;
	const struct delivery *s = &d->sink[sink];
	const struct alert *a = NULL;
	const struct spool *q = deliver_source(d, sink);
	const struct skip_run *run = run_of(s, from);
	if (s->torn && from == s->torn_at)
		buf_put(out, f->crlf ? SPAN("\r\n") : SPAN("\n"));
	if (s->untold && from == s->untold_at)
		render_dropped(s, f, r, out);
	if (run) {
		if (to == run->to)
			render_skipped(d, sink, run, r, out);
		return;
	}
	if (!record_is_for(r, sink))
		return;
	if (r->kind == RECORD_ALERT) {
		if (!take_apart(d, q, to, r)) {
			d->counters->lines_cut += !render_lost(f, r, out);
			return;
		}
		if (!filter_wants(&d->config->sink[sink].filter, &r->envelope,
				  &d->alert))
			return;
		a = &d->alert;
	}
	if (!render_record(out, f, r, a))
		d->counters->lines_cut++;
}

/* Has the record waited longer than --max-age? One of an earlier process has
 * only the wall clock, which may have been wrong then; this process's own clock
 * does not jump. */
static bool is_old(const struct deliver *d, unsigned sink,
		   const struct record *r, uint64_t to, struct moment now)
{
	int64_t age = to > deliver_source(d, sink)->started
			  ? now.ms - r->received_ms
			  : (now.s - r->received_s) * 1000;
	return r->kind == RECORD_ALERT && age > (int64_t)d->config->max_age_ms;
}

bool deliver_wants(struct deliver *d, const struct spool *q, unsigned sink,
		   uint64_t to, const struct record *r)
{
	if (!record_is_for(r, sink))
		return false;
	return r->kind != RECORD_ALERT || !take_apart(d, q, to, r) ||
	       filter_wants(&d->config->sink[sink].filter, &r->envelope,
			    &d->alert);
}

static bool is_wanted_by(struct deliver *d, unsigned sinks, uint64_t to,
			 const struct record *r)
{
	for (unsigned i = 0; i < d->config->sinks; i++)
		if (sinks >> i & 1 && deliver_wants(d, d->spool, i, to, r))
			return true;
	return false;
}

uint64_t deliver_count_left(struct deliver *d)
{
	const struct spool *q = d->spool;
	uint64_t n = 0;
	struct record r;
	for (uint64_t to = q->left_from;
	     q->fresh && to < q->started && spool_get(q, &to, &r);)
		n += r.kind == RECORD_ALERT &&
		     !is_wanted_by(d, q->fresh, to, &r);
	for (unsigned i = 0; i < d->config->sinks; i++)
		for (uint64_t to = q->cursor[i];
		     to < q->started && spool_get(q, &to, &r);)
			n += record_was_wanted(&r, i) && record_is_for(&r, i) &&
			     !deliver_wants(d, q, i, to, &r);
	return n;
}

/* Lets go of runs that `keep` has passed; false if there is no place for one
 * more, and then what is old is written all the same. */
static bool has_room_for_run(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	unsigned n = 0;
	for (unsigned i = 0; i < s->runs; i++)
		if (s->run[i].to > deliver_source(d, sink)->keep[sink])
			s->run[n++] = s->run[i];
	s->runs = n;
	return n < DELIVER_RUNS;
}

/* Finds the run of alerts that have waited too long, from the first record on
 * of which nothing was written yet. */
void deliver_skip_old(struct deliver *d, unsigned sink, struct moment now)
{
	struct delivery *s = &d->sink[sink];
	const struct spool *q = deliver_source(d, sink);
	uint64_t from = q->cursor[sink], to;
	struct record r;
	if (d->config->max_age_ms == 0 || !has_room_for_run(d, sink))
		return;
	if (s->offset && !spool_get(q, &from, &r))
		return;
	if (from < s->given)
		from = s->given;
	struct skip_run run = {from, from, 0};
	for (to = from; !run_of(s, from) && spool_get(q, &to, &r) &&
			is_old(d, sink, &r, to, now);
	     from = to) {
		run.count += deliver_wants(d, q, sink, to, &r);
		run.to = to;
	}
	if (run.to == run.from)
		return;
	s->run[s->runs++] = run;
	d->counters->skipped += run.count;
}

/* Records that a sink does not want hold nothing up while it is down. */
void deliver_pass_over(struct deliver *d, unsigned sink)
{
	struct delivery *s = &d->sink[sink];
	struct spool *q = deliver_source(d, sink);
	uint64_t from = q->cursor[sink], to = from;
	struct record r;
	while (s->offset == 0 && s->written == 0 && q->keep[sink] == from &&
	       !run_of(s, from) && !(s->untold && from == s->untold_at) &&
	       spool_get(q, &to, &r) && !deliver_wants(d, q, sink, to, &r)) {
		spool_pass(q, sink, to);
		from = to;
		d->progress++;
	}
}
