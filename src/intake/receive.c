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
	if (index.n > kept->cap - kept->n)
		return;
	note->index_length = index.n & 0x3fff;
	buf_put(kept, index);
}

/* What a whole body is taken with. */
struct whole {
	struct intake *in;
	struct receive_memory *m;
	struct span body;
	struct moment now;
	size_t n;      /* elements found, each with a note */
	uint64_t most; /* bytes of the spool that all of it may need */
	struct sender sender;
};

/* Finds all alerts. */
static enum status find_alerts(struct receive *r, struct whole *w)
{
	struct payload *p = &r->payload;
	struct receive_memory *m = w->m;
	struct buf kept = buf_of(m->index, sizeof m->index);
	enum payload_event event;
	for (;;) {
		event = payload_next(p, w->body.p, 0, w->body.n);
		if (event != PAYLOAD_ALERT && event != PAYLOAD_LEFT_OUT)
			break;
		struct span index = alert_index(&p->alert);
		struct receive_note *note = &m->note[w->n++];
		*note = (struct receive_note){
		    .start = p->start & 0x7fff,
		    .length = (p->end - p->start) & 0x7fff,
		    .left_out = event == PAYLOAD_LEFT_OUT,
		    .inherits = !alert_has_status(index),
		};
		if (note->left_out)
			left_out_count(r, r->left_out == 0);
		else
			keep_index(note, &kept, index);
	}
	w->most = w->body.n + kept.n;
	return event == PAYLOAD_REFUSED ? payload_judge_rest(p, w->body)
					: payload_end(p);
}

/* Where the payload has no status, alerts without one are left out. */
static void require_status(struct receive *r, const struct whole *w)
{
	struct payload *p = &r->payload;
	if (p->envelope.status != ALERT_INHERITS)
		return;
	bool first = true;
	for (size_t i = 0; i < w->n; i++) {
		struct receive_note *note = &w->m->note[i];
		if (!note->left_out && note->inherits) {
			note->left_out = true;
			p->count = i + 1;
			left_out_for_status(p);
			left_out_count(r, first);
		}
		first = first && !note->left_out;
	}
	p->count = w->n;
}

/* Makes an offer of the i-th element, whose index stands there; or of its
 * notice. */
static void offer_element(struct receive *r, struct whole *w, size_t i,
			  size_t index)
{
	const struct receive_note *note = &w->m->note[i];
	struct span json = {w->body.p + note->start, note->length};
	r->payload.count = i + 1; /* for the place in `why` */
	if (note->left_out) {
		left_out_read(r, w->in, w->m, json, &w->m->offer, w->now);
		return;
	}
	enum status status =
	    read_alert(r, w->in, w->m, &w->sender, &r->payload.envelope, json,
		       (struct span){w->m->index + index, note->index_length},
		       &w->m->offer, w->now);
	ASSERT(status == STATUS_OK);
}

/* Makes one of the notice of alerts that Alertmanager has cut off. False: there
 * are none. */
static bool offer_truncated(const struct receive *r, const struct intake *in,
			    const struct envelope *e, struct offer *o,
			    struct moment now)
{
	uint64_t n = r->payload.truncated;
	if (n)
		intake_name_notice(in, o, RECORD_NOTICE_TRUNCATED, e, n,
				   SPAN_NONE, now);
	return n != 0;
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

/* Attaches to what is known, and adds up what the rest needs. Returns whether
 * the notice of truncated alerts is known. */
static bool attach_known(struct receive *r, struct whole *w, struct need *need)
{
	struct offer *o = &w->m->offer;
	size_t index = 0;
	bool told = false;
	for (size_t i = 0; i < w->n; i++) {
		struct receive_note *note = &w->m->note[i];
		offer_element(r, w, i, index);
		index += note->index_length;
		note->attached = intake_attach(w->in, o, &r->claim);
		note->missing = o->missing != 0;
		if (!note->attached)
			add_need(need, o);
	}
	r->payload.count = w->n;
	if (offer_truncated(r, w->in, &r->payload.envelope, o, w->now)) {
		told = intake_attach(w->in, o, &r->claim);
		if (!told)
			add_need(need, o);
	}
	return told;
}

/* Attaches to what is known and queues the rest, for which there is room; of
 * what is attached, or told, nothing. */
static void queue_alerts(struct receive *r, struct whole *w, bool told,
			 bool overflow)
{
	struct intake *in = w->in;
	struct offer *o = &w->m->offer;
	size_t index = 0;
	for (size_t i = 0; i < w->n; i++) {
		const struct receive_note *note = &w->m->note[i];
		/* is in the overflow, or was; the new ones before it may
		 * have made us forget that */
		bool in_overflow = overflow && note->missing;
		bool known = note->attached || in_overflow;
		if (!known)
			offer_element(r, w, i, index);
		index += note->index_length;
		r->claim.overflow = r->claim.overflow || in_overflow;
		if (known || intake_attach(in, o, &r->claim)) {
			in->counters->duplicates++;
			continue;
		}
		if (note->left_out)
			in->counters->left_out[r->payload.status]++;
		intake_queue(in, o, &r->claim, overflow);
	}
	r->payload.count = w->n;
	if (!told && offer_truncated(r, in, &r->payload.envelope, o, w->now) &&
	    !intake_attach(in, o, &r->claim))
		intake_queue(in, o, &r->claim, overflow);
}

static bool fits_overflow(const struct intake *in, const struct need *need)
{
	return in->overflow &&
	       spool_could_fit(in->spool, need->total, need->largest) &&
	       spool_fits(in->overflow, need->overflow_total,
			  need->overflow_largest);
}

/* The alerts do not fit: for now, or never all at once. */
static enum status wait_for_room(struct receive *r, struct whole *w,
				 const struct need *need)
{
	intake_release(w->in, &r->claim, false, w->now.ms);
	if (spool_could_fit(w->in->spool, need->total, need->largest))
		return STATUS_NO_ROOM;
	r->mode = RECEIVE_STEPWISE;
	r->envelope = r->payload.envelope;
	r->left_out = 0;
	payload_start(&r->payload, true);
	return receive_more(r, w->in, w->m, w->body.p, 0, w->body.n, w->now);
}

/* Is there room for all of it, were all of it new? Each record has an envelope,
 * and is filled up to eights; a notice has a text of its own. */
static bool has_plenty(const struct receive *r, const struct whole *w)
{
	const struct record around = {.envelope = r->payload.envelope};
	uint64_t records = w->n + 1; /* and of truncated alerts */
	return spool_fits(w->in->spool,
			  w->most + records * (spool_need(&around) + 8) +
			      r->left_out * RECEIVE_NOTICE,
			  SPOOL_RECORD_MAX);
}

/* Find, and read and queue; where there is little room, read and reserve
 * first. */
enum status receive_whole(struct receive *r, struct intake *in,
			  struct receive_memory *m, struct span body,
			  struct moment now)
{
	struct whole w = {.in = in, .m = m, .body = body, .now = now};
	bool told = false, overflow = false;
	enum status status = find_alerts(r, &w);
	if (status != STATUS_OK)
		return status;
	require_status(r, &w);
	status = left_out_judge(r); /* are there any to be read? */
	if (status != STATUS_OK)
		return status;
	if (!has_plenty(r, &w)) {
		struct need need = {0};
		told = attach_known(r, &w, &need);
		overflow = !spool_fits(in->spool, need.total, need.largest);
		if (overflow)
			spool_want(in->spool);
		if (overflow && !fits_overflow(in, &need))
			return wait_for_room(r, &w, &need);
	}
	queue_alerts(r, &w, told, overflow);
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
		left_out_count(r, r->left_out == 0);
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
	const struct envelope *e =
	    r->mode == RECEIVE_STEPWISE ? &r->envelope : &p->envelope;
	if (offer_truncated(r, in, e, &o, now))
		r->blocked = intake_offer(in, &o, &r->claim) == INTAKE_NO_ROOM;
	return !r->blocked && r->claim.overflow ? STATUS_NO_ROOM : STATUS_OK;
}

void receive_over(struct receive *r, struct intake *in, bool settled,
		  struct moment now)
{
	intake_release(in, &r->claim, settled, now.ms);
	r->left_out = 0;
}
