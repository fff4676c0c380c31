/* receive.c - see receive.h. */
#include "intake/receive.h"

#include "intake/leftout.h"

void receive_start(struct receive *r, unsigned slot, enum receive_mode mode)
{
	r->mode = mode;
	payload_start(&r->payload, mode != RECEIVE_STREAM);
	r->claim = (struct claim){.slot = slot};
	r->envelope = (struct envelope){0};
	r->blocked = r->more = r->feeds = false;
	r->at_hand = PAYLOAD_MORE;
	r->left_out = 0;
}

uint64_t receive_work(const struct receive *r)
{
	return r->payload.count * WORK_ALERT + r->left_out * WORK_LEFT_OUT;
}

/* Takes the alert at hand apart and names it. Without an index it is read once
 * more. */
static enum status read_alert(struct receive *r, const struct intake *in,
			      struct receive_memory *m, struct sender *sender,
			      const struct envelope *e, struct span json,
			      struct span index, struct offer *o,
			      struct moment now)
{
	struct payload *p = &r->payload;
	struct alert *a = &m->alert;
	if (!alert_restore(a, json, index)) {
		enum status status = alert_parse(a, &m->reader, json, &p->why);
		ASSERT(status == STATUS_OK); /* the first time it was */
	}
	if (alert_status(e, a) == ALERT_INHERITS) {
		return left_out_for_status(p);
	}
	intake_name_alert(in, sender, o, e, a, now);
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
	for (;;) {
		event = payload_next(p, body.p, 0, body.n);
		if (event != PAYLOAD_ALERT && event != PAYLOAD_LEFT_OUT)
			break;
		struct receive_note *note = &m->note[(*n)++];
		note->start = (uint16_t)p->start;
		note->length = (uint16_t)(p->end - p->start);
		note->left_out = event == PAYLOAD_LEFT_OUT;
		if (note->left_out)
			left_out_count(r);
		else
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

/* What the new alerts of a request need of the spool, and of the overflow. */
struct need {
	uint64_t total, largest;
	uint64_t overflow_total, overflow_largest;
};

static void add_need(struct need *need, const struct offer *o)
{
	uint64_t n = intake_need(o);
	need->total += n;
	if (n > need->largest)
		need->largest = n;
	n = o->missing ? 0 : n; /* it is, or was, there */
	need->overflow_total += n;
	if (n > need->overflow_largest)
		need->overflow_largest = n;
}

/* Reads all alerts and attaches to those that are known. */
static void read_alerts(struct receive *r, struct intake *in,
			struct receive_memory *m, struct span body, size_t n,
			struct need *need, struct moment now)
{
	struct sender sender = {.known = false};
	for (size_t i = 0; i < n; i++) {
		struct receive_note *note = &m->note[i];
		struct span json = note_json(note, body);
		struct offer o = {0};
		r->payload.count = i + 1; /* for the place in `why` */
		if (!note->left_out &&
		    read_alert(r, in, m, &sender, &r->payload.envelope, json,
			       note_index(note, m), &o, now) != STATUS_OK) {
			note->left_out = true;
			left_out_count(r);
		}
		if (note->left_out)
			left_out_read(r, in, m, json, &o, now);
		note->key = o.record.key;
		note->dedup_key = o.dedup_key;
		note->firing_key = o.firing_key;
		note->sinks = o.sinks;
		note->waits = o.waits;
		note->resolved = o.resolved;
		note->attached = intake_attach(in, &o, &r->claim);
		note->missing = o.missing;
		if (!note->attached)
			add_need(need, &o);
	}
}

/* One that was found, as an offer again. */
static struct offer note_offer(const struct receive_note *note,
			       const struct receive *r,
			       const struct receive_memory *m, struct span body,
			       struct moment now)
{
	return (struct offer){
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
	    .waits = note->waits,
	    .missing = note->missing,
	    .resolved = note->resolved,
	};
}

/* With --dedup an alert may have a twin in its very body. */
static bool has_twin(struct receive *r, struct intake *in,
		     const struct receive_note *note, struct offer *o)
{
	return in->config->dedup_ms && !note->left_out && !note->missing &&
	       intake_attach(in, o, &r->claim);
}

static void queue_alerts(struct receive *r, struct intake *in,
			 struct receive_memory *m, struct span body, size_t n,
			 bool overflow, struct moment now)
{
	for (size_t i = 0; i < n; i++) {
		const struct receive_note *note = &m->note[i];
		struct offer o = note_offer(note, r, m, body, now);
		if (note->attached || has_twin(r, in, note, &o)) {
			in->counters->duplicates++;
			continue;
		}
		if (note->left_out) {
			r->payload.count = i + 1; /* for the place in `why` */
			left_out_read(r, in, m, o.record.json, &o, now);
			r->payload.count = n;
			in->counters->left_out[r->payload.status]++;
		}
		intake_queue(in, &o, &r->claim, overflow);
	}
}

static bool fits_overflow(const struct intake *in, const struct need *need)
{
	return in->overflow &&
	       spool_could_fit(in->spool, need->total, need->largest) &&
	       spool_fits(in->overflow, need->overflow_total,
			  need->overflow_largest);
}

/* The alerts do not fit: for now, or never all at once. */
static enum status wait_for_room(struct receive *r, struct intake *in,
				 struct receive_memory *m, struct span body,
				 const struct need *need, struct moment now)
{
	intake_release(in, &r->claim, false, now.ms);
	if (spool_could_fit(in->spool, need->total, need->largest))
		return STATUS_NO_ROOM;
	r->mode = RECEIVE_STEPWISE;
	r->envelope = r->payload.envelope;
	r->left_out = 0;
	payload_start(&r->payload, true);
	return receive_more(r, in, m, body.p, 0, body.n, now);
}

/* Names the notice of alerts that Alertmanager has cut off. False: there are
 * none, or the request is attached to it already. */
static bool read_truncated(struct receive *r, struct intake *in,
			   struct offer *notice, struct need *need,
			   struct moment now)
{
	const struct payload *p = &r->payload;
	if (p->truncated == 0)
		return false;
	intake_name_notice(in, notice, RECORD_NOTICE_TRUNCATED, &p->envelope,
			   p->truncated, SPAN_NONE, now);
	if (intake_attach(in, notice, &r->claim))
		return false;
	add_need(need, notice);
	return true;
}

/* Find, read, reserve, queue. */
enum status receive_whole(struct receive *r, struct intake *in,
			  struct receive_memory *m, struct span body,
			  struct moment now)
{
	struct need need = {0};
	struct offer notice;
	size_t n;
	enum status status = find_alerts(r, m, body, &n);
	if (status == STATUS_OK)
		status = left_out_judge(r); /* are there any to be read? */
	if (status != STATUS_OK)
		return status;
	read_alerts(r, in, m, body, n, &need, now);
	status = left_out_judge(r);
	if (status != STATUS_OK) {
		intake_release(in, &r->claim, false, now.ms);
		return status;
	}
	bool truncated = read_truncated(r, in, &notice, &need, now);
	bool overflow = !spool_fits(in->spool, need.total, need.largest);
	if (overflow)
		spool_want(in->spool);
	if (overflow && !fits_overflow(in, &need))
		return wait_for_room(r, in, m, body, &need, now);
	queue_alerts(r, in, m, body, n, overflow, now);
	if (truncated)
		intake_queue(in, &notice, &r->claim, overflow);
	if (!r->claim.overflow)
		return STATUS_OK;
	/* the other sinks get it; its sender has it still */
	intake_release(in, &r->claim, false, now.ms);
	return STATUS_NO_ROOM;
}

/* The alert that payload stands behind. */
static enum intake_result take_alert(struct receive *r, struct intake *in,
				     struct receive_memory *m,
				     struct sender *sender, const char *alert,
				     bool left_out, struct moment now)
{
	struct payload *p = &r->payload;
	const struct envelope *e =
	    r->mode == RECEIVE_STEPWISE ? &r->envelope : &p->envelope;
	struct offer *o = &m->offer;
	struct span json = {alert, (size_t)(p->end - p->start)};
	if (!left_out)
		left_out =
		    read_alert(r, in, m, sender, e, json,
			       alert_index(&p->alert), o, now) != STATUS_OK;
	if (left_out)
		left_out_name(r, in, m, e, &p->alert, alert, o, now);
	enum intake_result result = intake_offer(in, o, &r->claim);
	if (left_out && result != INTAKE_NO_ROOM)
		left_out_count(r);
	if (left_out && result == INTAKE_QUEUED)
		in->counters->left_out[p->status]++;
	return result;
}

enum status receive_more(struct receive *r, struct intake *in,
			 struct receive_memory *m, const char *bytes,
			 uint64_t at, size_t n, struct moment now)
{
	struct payload *p = &r->payload;
	struct sender sender = {.known = false};
	r->blocked = r->more = false;
	for (unsigned taken = 0; taken < RECEIVE_SHARE; taken++) {
		enum payload_event event = r->at_hand;
		if (event == PAYLOAD_MORE)
			event = payload_next(p, bytes, at, n);
		r->at_hand = PAYLOAD_MORE;
		if (event == PAYLOAD_MORE)
			return STATUS_OK;
		if (event == PAYLOAD_REFUSED)
			return p->status;
		if (take_alert(
			r, in, m, &sender, bytes + (size_t)(p->start - at),
			event == PAYLOAD_LEFT_OUT, now) == INTAKE_NO_ROOM) {
			r->blocked = true;
			r->at_hand = event;
			return STATUS_OK;
		}
	}
	r->more = true;
	return STATUS_OK;
}

uint64_t receive_hold(const struct receive *r)
{
	return r->at_hand != PAYLOAD_MORE ? r->payload.start
					  : payload_hold(&r->payload);
}

enum status receive_end(struct receive *r, struct intake *in, struct moment now)
{
	struct payload *p = &r->payload;
	struct offer o;
	enum status status = payload_end(p);
	r->blocked = false;
	if (status == STATUS_OK)
		status = left_out_judge(r);
	if (status != STATUS_OK)
		return status;
	if (p->truncated) {
		intake_name_notice(in, &o, RECORD_NOTICE_TRUNCATED,
				   r->mode == RECEIVE_STEPWISE ? &r->envelope
							       : &p->envelope,
				   p->truncated, SPAN_NONE, now);
		r->blocked = intake_offer(in, &o, &r->claim) == INTAKE_NO_ROOM;
	}
	return !r->blocked && r->claim.overflow ? STATUS_NO_ROOM : STATUS_OK;
}

void receive_over(struct receive *r, struct intake *in, bool settled,
		  struct moment now)
{
	intake_release(in, &r->claim, settled, now.ms);
	r->left_out = 0;
}
