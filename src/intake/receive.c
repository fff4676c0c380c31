/* receive.c - see receive.h. */
#include "intake/receive.h"

void receive_start(struct receive *r, unsigned slot, bool whole)
{
	payload_start(&r->payload, whole);
	r->wait = INTAKE_NO_WAIT;
	r->envelope = (struct envelope){0};
	r->slot = slot;
	r->blocked = r->alert_at_hand = r->stepwise = r->feeds = false;
}

/* Takes the alert at hand apart and names it. Without an index it is read once
 * more. */
static enum status read_alert(struct receive *r, const struct intake *in,
			      struct receive_memory *m,
			      const struct envelope *e, struct span json,
			      struct span index, struct offer *o,
			      struct moment now)
{
	struct payload *p = &r->payload;
	if (!alert_restore(&m->alert, json, index)) {
		enum status status =
		    alert_parse(&m->alert, NULL, json, &p->why);
		ASSERT(status == STATUS_OK); /* the first time it was */
	}
	if (alert_status(e, &m->alert) == ALERT_INHERITS) {
		payload_begin_place(p);
		buf_str(&p->why, ".status: missing, and the payload has none "
				 "in front of it");
		return STATUS_NOT_PAYLOAD;
	}
	intake_name_alert(in, o, e, &m->alert, now);
	o->record.index = index;
	r->feeds = r->feeds || o->feeds;
	return STATUS_OK;
}

/* Keeps an index until its alert is queued; one that finds no room has none. */
static void keep_index(struct receive_note *note, struct buf *kept,
		       struct span index)
{
	note->index_start = (uint16_t)kept->n;
	note->index_length = 0;
	if (index.n > kept->cap - kept->n)
		return;
	note->index_length = (uint16_t)index.n;
	buf_put(kept, index);
}

/* Finds all alerts of a whole body; *n counts them. */
static enum status find_alerts(struct receive *r, struct receive_memory *m,
			       struct span body, size_t *n)
{
	struct payload *p = &r->payload;
	struct buf kept = buf_of(m->index, sizeof m->index);
	enum payload_event event;
	*n = 0;
	while ((event = payload_next(p, body.p, 0, body.n)) == PAYLOAD_ALERT) {
		struct receive_note *note = &m->note[(*n)++];
		note->start = (uint16_t)p->start;
		note->length = (uint16_t)(p->end - p->start);
		keep_index(note, &kept, alert_index(&p->alert));
	}
	return event == PAYLOAD_REFUSED ? payload_judge_rest(p, body)
					: payload_end(p);
}

static struct span note_json(const struct receive_note *note, struct span body)
{
	return (struct span){body.p + note->start, note->length};
}

static struct span note_index(const struct receive_note *note,
			      const struct receive_memory *m)
{
	return (struct span){m->index + note->index_start, note->index_length};
}

/* What the new alerts of a request need of the spool. */
struct need {
	uint64_t total, largest;
};

static void add_need(struct need *need, uint64_t n)
{
	need->total += n;
	if (n > need->largest)
		need->largest = n;
}

/* Reads all alerts and attaches to those that are known. */
static enum status read_alerts(struct receive *r, struct intake *in,
			       struct receive_memory *m, struct span body,
			       size_t n, struct need *need, struct moment now)
{
	for (size_t i = 0; i < n; i++) {
		struct receive_note *note = &m->note[i];
		struct offer o;
		r->payload.count = i + 1; /* for the place in `why` */
		enum status status = read_alert(r, in, m, &r->payload.envelope,
						note_json(note, body),
						note_index(note, m), &o, now);
		if (status != STATUS_OK)
			return status;
		note->key = o.record.key;
		note->dedup_key = o.dedup_key;
		note->firing_key = o.firing_key;
		note->sinks = o.sinks;
		note->resolved = o.resolved;
		note->attached = intake_attach(in, &o, r->slot, &r->wait);
		if (!note->attached)
			add_need(need, intake_need(&o));
	}
	return STATUS_OK;
}

static void queue_alerts(struct receive *r, struct intake *in,
			 const struct receive_memory *m, struct span body,
			 size_t n, struct moment now)
{
	for (size_t i = 0; i < n; i++) {
		const struct receive_note *note = &m->note[i];
		struct offer o = {
		    .record = {.kind = RECORD_ALERT,
			       .key = note->key,
			       .received_s = now.s,
			       .received_ms = now.ms,
			       .envelope = r->payload.envelope,
			       .json = note_json(note, body),
			       .index = note_index(note, m)},
		    .dedup_key = note->dedup_key,
		    .firing_key = note->firing_key,
		    .sinks = note->sinks,
		    .resolved = note->resolved,
		};
		/* with --dedup it may have a twin in this very body */
		if (note->attached ||
		    (in->config->dedup_ms &&
		     intake_attach(in, &o, r->slot, &r->wait)))
			in->counters->duplicates++;
		else
			intake_queue(in, &o, r->slot, &r->wait);
	}
}

enum status receive_whole(struct receive *r, struct intake *in,
			  struct receive_memory *m, struct span body,
			  struct moment now)
{
	struct payload *p = &r->payload;
	struct need need = {0, 0};
	struct offer notice;
	size_t n;
	enum status status = find_alerts(r, m, body, &n);
	if (status == STATUS_OK)
		status = read_alerts(r, in, m, body, n, &need, now);
	bool truncated = status == STATUS_OK && p->truncated;
	if (truncated) {
		intake_name_notice(in, &notice, RECORD_NOTICE_TRUNCATED,
				   &p->envelope, p->truncated, now);
		truncated = !intake_attach(in, &notice, r->slot, &r->wait);
		if (truncated)
			add_need(&need, intake_need(&notice));
	}
	bool fits = spool_fits(in->spool, need.total, need.largest);
	if (status == STATUS_OK && !fits) {
		intake_release(in, r->slot, &r->wait, false);
		in->spool->wanted = true;
		if (spool_could_fit(in->spool, need.total, need.largest))
			return STATUS_NO_ROOM;
		r->stepwise = true;
		r->envelope = p->envelope;
		payload_start(p, true);
		return receive_more(r, in, m, body.p, 0, body.n, now);
	}
	if (status != STATUS_OK) {
		intake_release(in, r->slot, &r->wait, false);
		return status;
	}
	queue_alerts(r, in, m, body, n, now);
	if (truncated)
		intake_queue(in, &notice, r->slot, &r->wait);
	return STATUS_OK;
}

/* An alert too large to be taken is told of in a line of its own, whatever
 * becomes of the rest; without room for that, the log has it. */
static void tell_too_large(struct receive *r, struct intake *in,
			   struct moment now)
{
	struct offer o;
	intake_name_notice(in, &o, RECORD_NOTICE_TOO_LARGE,
			   &r->payload.envelope, 1, now);
	intake_offer(in, &o, r->slot, &r->wait);
}

enum status receive_more(struct receive *r, struct intake *in,
			 struct receive_memory *m, const char *bytes,
			 uint64_t at, size_t n, struct moment now)
{
	struct payload *p = &r->payload;
	const struct envelope *e = r->stepwise ? &r->envelope : &p->envelope;
	struct offer o;
	r->blocked = false;
	for (;;) {
		enum payload_event event = r->alert_at_hand
					       ? PAYLOAD_ALERT
					       : payload_next(p, bytes, at, n);
		r->alert_at_hand = false;
		if (event == PAYLOAD_MORE)
			return STATUS_OK;
		if (event == PAYLOAD_REFUSED) {
			if (p->status == STATUS_ALERT_SIZE)
				tell_too_large(r, in, now);
			return p->status;
		}
		struct span json = {bytes + (size_t)(p->start - at),
				    (size_t)(p->end - p->start)};
		enum status status = read_alert(
		    r, in, m, e, json, alert_index(&p->alert), &o, now);
		if (status != STATUS_OK)
			return status;
		if (intake_offer(in, &o, r->slot, &r->wait) == INTAKE_NO_ROOM) {
			r->blocked = r->alert_at_hand = true;
			return STATUS_OK;
		}
	}
}

uint64_t receive_hold(const struct receive *r)
{
	return r->alert_at_hand ? r->payload.start : payload_hold(&r->payload);
}

enum status receive_end(struct receive *r, struct intake *in, struct moment now)
{
	struct payload *p = &r->payload;
	struct offer o;
	enum status status = payload_end(p);
	r->blocked = false;
	if (status != STATUS_OK || p->truncated == 0)
		return status;
	intake_name_notice(in, &o, RECORD_NOTICE_TRUNCATED,
			   r->stepwise ? &r->envelope : &p->envelope,
			   p->truncated, now);
	r->blocked = intake_offer(in, &o, r->slot, &r->wait) == INTAKE_NO_ROOM;
	return STATUS_OK;
}
