/* intake.c - see intake.h. */
#include "intake/intake.h"

static void hash_envelope(struct sender *s, const struct hash_key *key,
			  const struct envelope *e)
{
	if (s->known)
		return;
	s->known = true;
	hash_start(&s->receiver, key);
	s->group[false] = s->receiver;
	hash_span(&s->receiver, e->receiver);
	hash_span(&s->group[false], e->group_key);
	s->group[true] = s->group[false];
	hash_number(&s->group[false], RECORD_ALERT << 1);
	hash_number(&s->group[true], RECORD_ALERT << 1 | 1);
}

/* Of an alert, whose receiver and labels are in its firing key already. */
static uint64_t name_of(const struct sender *s, const struct offer *o,
			const struct alert *a)
{
	struct hash h = s->group[o->resolved];
	hash_number(&h, o->firing_key);
	hash_span(&h, a->fingerprint);
	hash_span(&h, a->starts_at);
	if (o->resolved)
		hash_span(&h, a->ends_at);
	return hash_end(&h);
}

static uint64_t notice_name(const struct intake *in, const struct record *r)
{
	struct hash h;
	hash_start(&h, &in->hash_key);
	hash_span(&h, r->envelope.group_key);
	hash_number(&h, (uint64_t)r->kind << 1);
	hash_number(&h, r->count);
	hash_span(&h, r->envelope.receiver);
	hash_span(&h, r->json);
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

/* Of these sinks, those that a request waits for. */
static uint8_t waits(const struct intake *in, uint8_t sinks)
{
	for (unsigned i = 0; i < in->config->sinks; i++)
		if (in->config->sink[i].no_wait)
			sinks &= (uint8_t) ~(1U << i);
	return sinks;
}

void intake_name_alert(const struct intake *in, struct sender *sender,
		       struct offer *o, const struct envelope *e,
		       const struct alert *a, struct moment now)
{
	hash_envelope(sender, &in->hash_key, e);
	o->resolved = alert_status(e, a) == ALERT_RESOLVED;
	o->firing_key = firing_name(&sender->receiver, a);
	struct record *r = &o->record;
	r->kind = RECORD_ALERT;
	r->key = name_of(sender, o, a);
	r->count = 0;
	r->received_s = now.s;
	r->received_ms = now.ms;
	r->envelope = *e;
	r->json = a->json;
	r->index = SPAN_NONE;
	o->feeds = !o->resolved && match_all(in->config->deadman_match,
					     in->config->deadman_matches, a);
	o->dedup_key =
	    in->config->dedup_ms ? dedup_name(in, a, o->resolved) : 0;
	o->sinks = o->missing = 0;
	for (unsigned i = 0; i < in->config->sinks; i++)
		if (filter_wants(&in->config->sink[i].filter, e, a))
			o->sinks |= (uint8_t)(1U << i);
	o->waits = waits(in, o->sinks);
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
	o->waits = waits(in, o->sinks);
	o->record.key = notice_name(in, &o->record);
}

static bool has_got(const struct spool *s, unsigned sink, uint64_t position)
{
	return s->cursor[sink] >= position && s->unfinished[sink] != position;
}

static void wait_for(const struct intake *in, const struct offer *o,
		     struct claim *c, uint64_t position)
{
	for (unsigned i = 0; i < in->spool->cursors; i++) {
		if (!(o->waits >> i & 1))
			continue;
		if (c->position[i] < position)
			c->position[i] = position;
		if (!has_got(in->spool, i, position) &&
		    (c->first[i] == 0 || position < c->first[i]))
			c->first[i] = position;
	}
}

static struct spool *spool_of(const struct intake *in,
			      const struct recall_entry *e)
{
	return e->overflow ? in->overflow : in->spool;
}

/* Have all sinks that want the alert been given it? */
static bool is_written(const struct intake *in, const struct offer *o,
		       const struct recall_entry *e)
{
	const struct spool *s = spool_of(in, e);
	for (unsigned i = 0; i < s->cursors; i++)
		if (o->waits >> i & 1 && !has_got(s, i, e->position))
			return false;
	return true;
}

/* The sinks for which its record was let go of, or that have not got it out of
 * the overflow. */
static uint8_t missing_for(const struct intake *in, const struct offer *o,
			   const struct recall_entry *e)
{
	const struct spool *s = spool_of(in, e);
	unsigned missing = 0;
	if (o->record.kind != RECORD_ALERT)
		return 0;
	for (unsigned i = 0; i < s->cursors; i++)
		if (o->waits >> i & 1 &&
		    (spool_has_dropped(s, i, e->position) ||
		     (e->overflow && s->cursor[i] < e->position)))
			missing |= 1U << i;
	return (uint8_t)missing;
}

/* Where its record begins in the overflow. */
static uint64_t start_of(const struct recall_entry *e)
{
	return e->position - 8U * e->length;
}

/* Has one of these sinks begun with its line? */
static bool has_begun(const struct intake *in, const struct recall_entry *e,
		      unsigned sinks)
{
	const struct spool *s = spool_of(in, e);
	for (unsigned i = 0; i < s->cursors; i++)
		if (sinks >> i & 1 && s->begun[i] &&
		    s->cursor[i] == start_of(e))
			return true;
	return false;
}

/* The request waits for a record that is there. */
static void wait_for_entry(const struct intake *in, const struct offer *o,
			   struct claim *c, const struct recall_entry *e)
{
	if (!e->overflow)
		wait_for(in, o, c, e->position);
	else if (!is_written(in, o, e))
		c->overflow = true;
}

static void claim(struct recall_entry *e, struct claim *c)
{
	e->claims |= (uint64_t)1 << c->slot;
	if (!c->claims || recall_is_before(e->serial, c->first_claim))
		c->first_claim = e->serial;
	c->claims = true;
	if (c->last != e->key)
		c->equal = 0;
	c->last = e->key;
	if (c->equal < LIMIT_EQUAL_ALERTS)
		c->equal++;
}

static bool attach_again(struct intake *in, struct offer *o, struct claim *c)
{
	/* nobody looks at all of them once more for each that follows */
	if (c->equal == LIMIT_EQUAL_ALERTS && c->last == o->record.key)
		return false;
	struct recall_entry *e =
	    recall_find(&in->recall, o->record.key, c->slot);
	if (e == NULL)
		return false;
	bool old = e->claims == 0 &&
		   o->record.received_ms - e->since_ms > LIMIT_KNOWN_MS;
	if ((e->until_done || old) && is_written(in, o, e))
		return false;
	o->missing = missing_for(in, o, e);
	if (has_begun(in, e, o->missing))
		o->missing = 0;
	if (o->missing)
		return false;
	claim(e, c);
	wait_for_entry(in, o, c, e);
	return true;
}

static bool attach_twin(struct intake *in, const struct offer *o,
			struct claim *c)
{
	uint64_t age = in->config->dedup_ms;
	if (age == 0 || o->record.kind != RECORD_ALERT)
		return false;
	struct recall_entry *e = recall_find(&in->dedup, o->dedup_key, 0);
	if (e == NULL || o->record.received_ms - e->since_ms > (int64_t)age)
		return false;
	wait_for_entry(in, o, c, e);
	return true;
}

bool intake_attach(struct intake *in, struct offer *o, struct claim *c)
{
	return attach_again(in, o, c) ||
	       (o->missing == 0 && attach_twin(in, o, c));
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

/* Makes an offer of a known alert one for those alone that have not got it;
 * nobody gets it out of the overflow any more. */
static void offer_again(struct intake *in, struct offer *o,
			const struct claim *c)
{
	struct recall_entry *old =
	    recall_find(&in->recall, o->record.key, c->slot);
	unsigned left = 0;
	for (unsigned i = 0; old && old->overflow && i < in->spool->cursors;
	     i++)
		if (o->missing >> i & 1 &&
		    in->overflow->cursor[i] <= start_of(old))
			left |= 1U << i;
	if (left)
		spool_take_from(in->overflow, start_of(old), left);
	if (old)
		recall_remove(&in->recall, old);
	o->sinks = o->waits = o->missing;
}

static struct recall_entry *remember(struct recall *r, uint64_t key,
				     const struct offer *o, uint64_t from,
				     uint64_t to, bool overflow)
{
	struct recall_entry *e = recall_add(r, key);
	e->position = to;
	e->length = (uint16_t)((to - from) / 8);
	e->overflow = overflow;
	e->since_ms = o->record.received_ms;
	return e;
}

static void put(struct intake *in, struct offer *o, struct claim *c,
		bool overflow)
{
	struct spool *s = overflow ? in->overflow : in->spool;
	uint64_t from = s->head;
	if (o->record.kind == RECORD_ALERT)
		o->record.count = record_for(o->missing, o->sinks);
	uint64_t to = spool_put(s, &o->record);
	struct recall_entry *e =
	    remember(&in->recall, o->record.key, o, from, to, overflow);
	claim(e, c);
	wait_for_entry(in, o, c, e);
	if (in->config->dedup_ms && o->record.kind == RECORD_ALERT)
		remember(&in->dedup, o->dedup_key, o, from, to, overflow);
}

void intake_queue(struct intake *in, struct offer *o, struct claim *c,
		  bool overflow)
{
	if (o->missing)
		in->counters->duplicates++;
	if (o->missing && overflow) {
		/* there it is, or was */
		c->overflow = true;
		return;
	}
	if (o->missing)
		offer_again(in, o, c);
	if (o->sinks)
		put(in, o, c, overflow);
	if (o->missing || o->record.kind != RECORD_ALERT)
		return;
	intake_note_firing(in, o);
	if (o->resolved)
		in->counters->alerts_resolved++;
	else
		in->counters->alerts_firing++;
}

/* Who comes alert by alert can wait for room, and would take each byte of it as
 * it comes; a group that is taken as one cannot, so a quarter is left for
 * those.
 */
static bool has_room(const struct spool *s, uint64_t need)
{
	return spool_fits(s, need + s->size / 4, need) ||
	       (spool_used(s) == 0 && spool_fits(s, need, need));
}

/* tests/model assumes: it is known, or queued whole, or nothing has changed. */
enum intake_result intake_offer(struct intake *in, struct offer *o,
				struct claim *c)
{
	uint64_t need = intake_need(o);
	if (intake_attach(in, o, c)) {
		in->counters->duplicates++;
		return INTAKE_KNOWN;
	}
	bool overflow = need && !has_room(in->spool, need);
	if (overflow)
		spool_want(in->spool);
	need = o->missing ? 0 : need; /* it is, or was, there */
	/* it may have room in a moment, if nobody is stuck */
	if (overflow && (in->overflow == NULL || !in->spool->stuck ||
			 !has_room(in->overflow, need)))
		return INTAKE_NO_ROOM;
	intake_queue(in, o, c, overflow);
	return overflow && o->missing ? INTAKE_KNOWN : INTAKE_QUEUED;
}

bool intake_put_own(struct intake *in, const struct offer *o)
{
	uint64_t need = intake_need(o);
	struct spool *s = in->spool;
	if (need && !spool_fits(s, need, need)) {
		spool_want(s);
		s = in->overflow;
	}
	if (need && (s == NULL || !spool_fits(s, need, need)))
		return false;
	struct record r = o->record;
	r.count = record_for(0, o->sinks);
	if (need)
		spool_put(s, &r);
	intake_note_firing(in, o);
	return true;
}

/* A sink's cursor goes past what it lets go of, and past a line whose rest has
 * yet to come out. */
static bool lacks(const struct spool *s, unsigned sink, const struct claim *c)
{
	uint64_t first = c->first[sink];
	return first && (spool_has_dropped_from(s, sink, first) ||
			 first <= s->unfinished[sink]);
}

int intake_waits_for(const struct intake *in, const struct claim *c)
{
	const struct spool *s = in->spool;
	for (unsigned i = 0; i < s->cursors && !s->durable; i++)
		if (s->cursor[i] < c->position[i] || lacks(s, i, c))
			return (int)i;
	return -1;
}

bool intake_is_safe(const struct intake *in, const struct claim *c)
{
	const struct spool *s = in->spool;
	if (c->overflow)
		return false;
	for (unsigned i = 0; i < s->cursors; i++) {
		if ((s->durable ? s->synced : s->cursor[i]) < c->position[i])
			return false;
		if (lacks(s, i, c))
			return false;
	}
	return true;
}

void intake_release(struct intake *in, struct claim *c, bool settled,
		    int64_t now_ms)
{
	if (c->claims)
		recall_release(&in->recall, c->slot, c->first_claim, settled,
			       now_ms);
	*c = (struct claim){.slot = c->slot};
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
