/* intake.c - see intake.h. */
#include "intake/intake.h"

/* Of an alert, whose receiver and labels are in its firing key already, or of a
 * notice. */
static uint64_t name_of(const struct intake *in, const struct offer *o,
			const struct alert *a)
{
	const struct record *r = &o->record;
	struct hash h;
	hash_start(&h, &in->hash_key);
	hash_number(&h, (uint64_t)r->kind << 1 | o->resolved);
	hash_number(&h, a ? o->firing_key : r->count);
	hash_span(&h, r->envelope.group_key);
	if (a == NULL) {
		hash_span(&h, r->envelope.receiver);
		hash_span(&h, r->json);
		return hash_end(&h);
	}
	hash_span(&h, a->fingerprint);
	hash_span(&h, a->starts_at);
	if (o->resolved)
		hash_span(&h, a->ends_at);
	return hash_end(&h);
}

/* The same alert from whichever Alertmanager. */
static uint64_t dedup_name(const struct intake *in, const struct alert *a,
			   bool resolved)
{
	struct hash h;
	hash_start(&h, &in->hash_key);
	hash_number(&h, resolved);
	hash_span(&h, a->labels_json);
	hash_span(&h, a->starts_at);
	return hash_end(&h);
}

uint8_t intake_waits(const struct intake *in, uint8_t sinks)
{
	for (unsigned i = 0; i < in->config->sinks; i++)
		if (in->config->sink[i].no_wait)
			sinks &= (uint8_t) ~(1U << i);
	return sinks;
}

void intake_name_alert(const struct intake *in, struct offer *o,
		       const struct envelope *e, const struct alert *a,
		       struct moment now)
{
	*o = (struct offer){
	    .record = {.kind = RECORD_ALERT,
		       .received_s = now.s,
		       .received_ms = now.ms,
		       .envelope = *e,
		       .json = a->json},
	    .resolved = alert_status(e, a) == ALERT_RESOLVED,
	};
	o->firing_key = firing_name(&in->hash_key, e, a);
	o->record.key = name_of(in, o, a);
	o->feeds = !o->resolved && match_all(in->config->deadman_match,
					     in->config->deadman_matches, a);
	if (in->config->dedup_ms)
		o->dedup_key = dedup_name(in, a, o->resolved);
	for (unsigned i = 0; i < in->config->sinks; i++)
		if (filter_wants(&in->config->sink[i].filter, e, a))
			o->sinks |= (uint8_t)(1U << i);
	o->waits = intake_waits(in, o->sinks);
}

void intake_name_notice(const struct intake *in, struct offer *o,
			enum record_kind kind, const struct envelope *e,
			uint64_t count, struct span json, struct moment now)
{
	*o = (struct offer){
	    .record = {.kind = kind,
		       .received_s = now.s,
		       .received_ms = now.ms,
		       .count = count,
		       .envelope = *e,
		       .json = json},
	    .sinks = (uint8_t)((1U << in->config->sinks) - 1),
	};
	o->waits = intake_waits(in, o->sinks);
	o->record.key = name_of(in, o, NULL);
}

static void wait_for(const struct intake *in, const struct offer *o,
		     struct intake_wait *wait, uint64_t position)
{
	for (unsigned i = 0; i < in->spool->cursors; i++) {
		if (!(o->waits >> i & 1))
			continue;
		if (wait->position[i] < position)
			wait->position[i] = position;
		if (in->spool->cursor[i] < position &&
		    (wait->first[i] == 0 || position < wait->first[i]))
			wait->first[i] = position;
	}
}

/* Have all sinks that want the alert been given it? */
static bool is_written(const struct intake *in, const struct offer *o,
		       uint64_t position)
{
	for (unsigned i = 0; i < in->spool->cursors; i++)
		if (o->waits >> i & 1 && in->spool->cursor[i] < position)
			return false;
	return true;
}

/* The sinks for which the record that ends there was let go of. */
static uint8_t missing_at(const struct intake *in, const struct offer *o,
			  uint64_t position)
{
	unsigned missing = 0;
	for (unsigned i = 0; i < in->spool->cursors; i++)
		if (o->waits >> i & 1 &&
		    spool_has_dropped(in->spool, i, position))
			missing |= 1U << i;
	return (uint8_t)missing;
}

static void claim(struct recall_entry *e, unsigned slot,
		  struct intake_wait *wait)
{
	e->claims |= (uint64_t)1 << slot;
	if (e->position < wait->first_claim)
		wait->first_claim = e->position;
}

static bool attach_again(struct intake *in, struct offer *o, unsigned slot,
			 struct intake_wait *wait)
{
	struct recall_entry *e = recall_find(&in->recall, o->record.key, slot);
	if (e == NULL)
		return false;
	bool old = e->claims == 0 &&
		   o->record.received_ms - e->since_ms > LIMIT_KNOWN_MS;
	if ((e->until_done || old) && is_written(in, o, e->position))
		return false;
	o->missing =
	    o->record.kind == RECORD_ALERT ? missing_at(in, o, e->position) : 0;
	if (o->missing)
		return false;
	claim(e, slot, wait);
	wait_for(in, o, wait, e->position);
	return true;
}

static bool attach_twin(struct intake *in, const struct offer *o,
			struct intake_wait *wait)
{
	uint64_t age = in->config->dedup_ms;
	if (age == 0 || o->record.kind != RECORD_ALERT)
		return false;
	struct recall_entry *e = recall_find(&in->dedup, o->dedup_key, 0);
	if (e == NULL || o->record.received_ms - e->since_ms > (int64_t)age)
		return false;
	wait_for(in, o, wait, e->position);
	return true;
}

bool intake_attach(struct intake *in, struct offer *o, unsigned slot,
		   struct intake_wait *wait)
{
	return attach_again(in, o, slot, wait) ||
	       (o->missing == 0 && attach_twin(in, o, wait));
}

uint64_t intake_need(const struct offer *o)
{
	return o->sinks ? spool_need(&o->record) : 0;
}

void intake_note_firing(struct intake *in, const struct offer *o)
{
	if (in->firing)
		firing_note(in->firing, o->firing_key, &o->record, o->resolved);
}

void intake_queue(struct intake *in, struct offer *o, unsigned slot,
		  struct intake_wait *wait)
{
	if (o->missing) {
		struct recall_entry *old =
		    recall_find(&in->recall, o->record.key, slot);
		if (old)
			recall_remove(&in->recall, old);
		o->record.count = o->missing;
		o->sinks = o->waits = o->missing;
	}
	if (o->sinks) {
		uint64_t position = spool_put(in->spool, &o->record);
		struct recall_entry *e = recall_add(&in->recall, o->record.key);
		e->position = position;
		e->since_ms = o->record.received_ms;
		claim(e, slot, wait);
		wait_for(in, o, wait, position);
		if (in->config->dedup_ms && o->record.kind == RECORD_ALERT) {
			e = recall_add(&in->dedup, o->dedup_key);
			e->position = position;
			e->since_ms = o->record.received_ms;
		}
	}
	if (o->missing)
		in->counters->duplicates++;
	if (o->missing || o->record.kind != RECORD_ALERT)
		return;
	intake_note_firing(in, o);
	if (o->resolved)
		in->counters->alerts_resolved++;
	else
		in->counters->alerts_firing++;
}

enum intake_result intake_offer(struct intake *in, struct offer *o,
				unsigned slot, struct intake_wait *wait)
{
	uint64_t need = intake_need(o);
	if (intake_attach(in, o, slot, wait)) {
		in->counters->duplicates++;
		return INTAKE_KNOWN;
	}
	if (need && !spool_fits(in->spool, need, need)) {
		in->spool->wanted = true;
		return INTAKE_NO_ROOM;
	}
	intake_queue(in, o, slot, wait);
	return INTAKE_QUEUED;
}

bool intake_put_own(struct intake *in, const struct offer *o)
{
	uint64_t need = intake_need(o);
	if (need && !spool_fits(in->spool, need, need)) {
		in->spool->wanted = true;
		return false;
	}
	if (need)
		spool_put(in->spool, &o->record);
	intake_note_firing(in, o);
	return true;
}

int intake_waits_for(const struct intake *in, const struct intake_wait *wait)
{
	const struct spool *s = in->spool;
	for (unsigned i = 0; i < s->cursors && !s->durable; i++)
		if (s->cursor[i] < wait->position[i] ||
		    (wait->first[i] &&
		     spool_has_dropped_from(s, i, wait->first[i])))
			return (int)i;
	return -1;
}

bool intake_is_safe(const struct intake *in, const struct intake_wait *wait)
{
	const struct spool *s = in->spool;
	for (unsigned i = 0; i < s->cursors; i++) {
		if ((s->durable ? s->synced : s->cursor[i]) < wait->position[i])
			return false;
		/* its cursor went past what was let go of */
		if (wait->first[i] &&
		    spool_has_dropped_from(s, i, wait->first[i]))
			return false;
	}
	return true;
}

void intake_release(struct intake *in, unsigned slot, struct intake_wait *wait,
		    bool settled, int64_t now_ms)
{
	recall_release(&in->recall, slot, wait->first_claim, settled, now_ms);
	wait->first_claim = UINT64_MAX;
}

void intake_recover(struct intake *in)
{
	uint64_t position = spool_tail(in->spool);
	struct record r;
	while (spool_get(in->spool, &position, &r)) {
		if (r.kind == RECORD_NOTICE_LOST)
			continue;
		struct recall_entry *e = recall_add(&in->recall, r.key);
		e->position = position;
		e->until_done = true;
	}
}
