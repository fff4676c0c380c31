/*
 * spool.c - see spool.h; recover.c has spool_recover().
 *
 * Invariants: tail <= head <= freed + size; records stand back to back from the
 * tail to the head; a record never crosses the range's end. Whether that is so
 * is looked at again as they are read, see trust().
 */
#include "spool/layout.h"

void spool_init(struct spool *s, char *ring, uint64_t size, unsigned cursors)
{
	ASSERT(size % 8 == 0);
	ASSERT(size >= 2 * SPOOL_RECORD_MAX);
	*s = (struct spool){.ring = ring, .size = size, .cursors = cursors};
}

uint64_t spool_need(const struct record *r)
{
	uint64_t n = SPOOL_HEADER + r->envelope.receiver.n +
		     r->envelope.group_key.n + r->envelope.external_url.n +
		     r->envelope.reason.n + r->json.n + r->index.n;
	return (n + 7) / 8 * 8;
}

uint64_t spool_tail(const struct spool *s)
{
	uint64_t tail = s->head;
	/*@ loop invariant i <= s->cursors && tail <= s->head;
	    loop invariant \forall integer k; 0 <= k < i ==> tail <= s->keep[k];
	    loop invariant tail == s->head ||
		\exists integer k; 0 <= k < i && tail == s->keep[k];
	    loop assigns i, tail;
	    loop variant s->cursors - i; */
	for (unsigned i = 0; i < s->cursors; i++)
		if (s->keep[i] < tail)
			tail = s->keep[i];
	return tail;
}

uint64_t spool_used(const struct spool *s)
{
	return s->head - spool_tail(s);
}

bool spool_could_fit(const struct spool *s, uint64_t total, uint64_t largest)
{
	return total + largest <= s->size;
}

/* Of a file, what a sync has freed: before that, a power cut may leave cursors
 * that still need it. */
bool spool_fits(const struct spool *s, uint64_t total, uint64_t largest)
{
	uint64_t kept = s->durable ? s->head - s->freed : spool_used(s);
	return total + largest <= s->size - kept;
}

void spool_want(struct spool *s)
{
	s->wanted = true;
}

/*@ predicate clear(char *h, integer n, struct span text) =
	\separated(h + (0 .. n - 1), text.p + (0 .. text.n - 1)); */

/*@ requires text_ok(s) && \valid(p + (0 .. s.n - 1));
    requires \separated(p + (0 .. s.n - 1), s.p + (0 .. s.n - 1));
    assigns p[0 .. s.n - 1];
    assigns \result \from p, s;
    ensures \result == p + s.n; */
static char *put_bytes(char *p, struct span s)
{
	if (s.p)
		span_copy(p, s);
	return p + s.n;
}

/*@ requires text_ok(s) && \valid(p + (0 .. s.n - 1));
    requires \valid(length + (0 .. 3)) && s.n <= UINT32_MAX;
    requires \separated(p + (0 .. s.n - 1), s.p + (0 .. s.n - 1));
    assigns p[0 .. s.n - 1], length[0 .. 3];
    assigns \result \from p, s;
    ensures \result == p + s.n; */
static char *put_text(char *p, char *length, struct span s)
{
	put_u32(length, s.p ? (uint32_t)s.n : ABSENT);
	return put_bytes(p, s);
}

/*@ requires \valid_read(r) && record_ok(r);
    requires bytes_of(r) <= need <= SPOOL_RECORD_MAX;
    requires \valid(h + (0 .. need - 1));
    requires clear(h, need, r->json) && clear(h, need, r->envelope.receiver);
    requires clear(h, need, r->envelope.group_key);
    requires clear(h, need, r->envelope.external_url);
    requires clear(h, need, r->envelope.reason) && clear(h, need, r->index);
    assigns h[0 .. need - 1]; */
static void put_record(char *h, uint64_t need, const struct record *r)
{
	/* what fills it up is zero */
	put_u64(h + need - 8, 0);
	put_u32(h, (uint32_t)need);
	put_u32(h + RECORD_AT_KIND, (uint32_t)r->kind);
	put_u64(h + RECORD_AT_KEY, r->key);
	put_u64(h + RECORD_AT_COUNT, r->count);
	put_u64(h + RECORD_AT_RECEIVED_S, (uint64_t)r->received_s);
	put_u64(h + RECORD_AT_RECEIVED_MS, (uint64_t)r->received_ms);
	char *p = h + SPOOL_HEADER;
	p = put_text(p, h + RECORD_AT_TEXTS, r->envelope.receiver);
	p = put_text(p, h + RECORD_AT_TEXTS + 4, r->envelope.group_key);
	p = put_text(p, h + RECORD_AT_TEXTS + 8, r->envelope.external_url);
	p = put_bytes(p, r->envelope.reason);
	put_u32(h + RECORD_AT_STATUS,
		(uint32_t)r->envelope.status | (uint32_t)r->envelope.reason.n
						   << REASON_SHIFT);
	p = put_text(p, h + RECORD_AT_JSON, r->json);
	put_text(p, h + RECORD_AT_INDEX, r->index);
}

uint64_t spool_put(struct spool *s, const struct record *r)
{
	uint64_t need = spool_need(r), at = offset_of(s, s->head);
	uint64_t rest = s->size - at;
	char *h = s->ring + at;
	ASSERT(spool_fits(s, need, need > rest ? rest : 0));
	if (need > rest) {
		/* the end is a multiple of 8 away, so a PAD has room */
		put_pad(h, rest);
		s->head += rest;
		h = s->ring;
	}
	put_record(h, need, r);
	s->head += need;
	return s->head;
}

/* One of a record's texts, off the front of what is left of it. */
/*@ requires \valid(left) && \valid(text) && \separated(left, text);
    requires span_ok(*left);
    assigns *left, *text;
    ensures span_ok(*left) && left->n <= \old(left->n);
    ensures text_ok(*text); */
static bool get_text(struct span *left, uint32_t n, struct span *text)
{
	*text = SPAN_NONE;
	if (n == ABSENT)
		return true;
	if (n > left->n)
		return false;
	*text = (struct span){left->p, n};
	*left = span_skip(*left, n);
	return true;
}

bool spool_read_record(const char *h, uint32_t length, struct record *r)
{
	struct span left = {h + SPOOL_HEADER, length - SPOOL_HEADER};
	r->kind = (enum record_kind)get_u32(h + RECORD_AT_KIND);
	r->key = get_u64(h + RECORD_AT_KEY);
	r->count = get_u64(h + RECORD_AT_COUNT);
	r->received_s = (int64_t)get_u64(h + RECORD_AT_RECEIVED_S);
	r->received_ms = (int64_t)get_u64(h + RECORD_AT_RECEIVED_MS);
	uint32_t status = get_u32(h + RECORD_AT_STATUS);
	uint32_t reason = status >> REASON_SHIFT;
	struct envelope *e = &r->envelope;
	e->status = (enum alert_status)(status & ((1U << REASON_SHIFT) - 1));
	return get_text(&left, get_u32(h + RECORD_AT_TEXTS), &e->receiver) &&
	       get_text(&left, get_u32(h + RECORD_AT_TEXTS + 4),
			&e->group_key) &&
	       get_text(&left, get_u32(h + RECORD_AT_TEXTS + 8),
			&e->external_url) &&
	       get_text(&left, reason ? reason : ABSENT, &e->reason) &&
	       get_text(&left, get_u32(h + RECORD_AT_JSON), &r->json) &&
	       get_text(&left, get_u32(h + RECORD_AT_INDEX), &r->index) &&
	       left.n < 8;
}

/* That what was put into the ring, or found good in it, is there unchanged: an
 * invariant of our own that is not proved, so it is what keeps all reads within
 * the ring. */
/*@ assigns \nothing;
    ensures unchanged; */
static void trust(bool unchanged)
{
	ASSERT(unchanged);
}

/* The length of the record or PAD that stands before the head. */
/*@ requires ring_ok(s) && aligned(position) && position < s->head;
    assigns \nothing;
    ensures 0 < \result <= s->head - position && \result % 8 == 0;
    ensures \result <= rest(s, position); */
static inline uint32_t length_at(const struct spool *s, uint64_t position)
{
	uint64_t at = offset_of(s, position);
	uint32_t length = get_u32(s->ring + at);
	trust(length != 0 && length % 8 == 0 && length <= s->size - at &&
	      length <= s->head - position);
	return length;
}

uint32_t spool_find(const struct spool *s, uint64_t *position)
{
	/*@ loop invariant aligned(*position);
	    loop invariant \at(*position, Pre) <= *position <= s->head;
	    loop assigns *position;
	    loop variant s->head - *position; */
	while (*position != s->head) {
		uint32_t length = length_at(s, *position);
		if (!is_pad(place(s, *position))) {
			trust(length >= SPOOL_HEADER);
			return length;
		}
		*position += length;
	}
	return 0;
}

bool spool_get(const struct spool *s, uint64_t *position, struct record *r)
{
	uint32_t length = spool_find(s, position);
	if (length == 0)
		return false;
	trust(spool_read_record(place(s, *position), length, r));
	*position += length;
	return true;
}

/* Of a text, from its field. */
/*@ requires \valid_read(length + (0 .. 3));
    assigns \nothing;
    ensures \result <= UINT32_MAX; */
static uint64_t text_length(const char *length)
{
	uint32_t n = get_u32(length);
	return n == ABSENT ? 0 : n;
}

bool spool_has_json(const struct spool *s, uint64_t position, struct span json)
{
	const char *h = place(s, position);
	uint32_t length = length_at(s, position);
	trust(length >= SPOOL_HEADER);
	uint64_t at = SPOOL_HEADER + text_length(h + RECORD_AT_TEXTS) +
		      text_length(h + RECORD_AT_TEXTS + 4) +
		      text_length(h + RECORD_AT_TEXTS + 8) +
		      (get_u32(h + RECORD_AT_STATUS) >> REASON_SHIFT);
	return get_u32(h + RECORD_AT_JSON) == json.n && at <= length &&
	       json.n <= length - at &&
	       span_eq((struct span){h + at, json.n}, json);
}

void spool_take_from(struct spool *s, uint64_t from, unsigned sinks)
{
	struct record r;
	unsigned left = 0;
	if (spool_find(s, &from) == 0)
		return;
	uint64_t to = from;
	if (!spool_get(s, &to, &r) || r.kind != RECORD_ALERT)
		return;
	/*@ loop invariant i <= s->cursors;
	    loop assigns i, left;
	    loop variant s->cursors - i; */
	for (unsigned i = 0; i < s->cursors; i++)
		if (record_is_for(&r, i) && !(sinks >> i & 1))
			left |= 1U << i;
	put_u64(place(s, from) + RECORD_AT_COUNT,
		left ? left : RECORD_FOR_NOBODY);
}

uint32_t spool_checksum(const char *h, uint32_t length)
{
	static const char zero[4] = {0};
	uint32_t crc = crc32c(0, h, RECORD_AT_CRC);
	crc = crc32c(crc, zero, sizeof zero);
	return crc32c(crc, h + RECORD_AT_CRC + 4, length - RECORD_AT_CRC - 4);
}

void spool_seal(struct spool *s)
{
	/*@ loop invariant s->sealed <= s->head && aligned(s->sealed);
	    loop assigns s->sealed, s->ring[0 .. s->size - 1];
	    loop variant s->head - s->sealed; */
	while (s->sealed < s->head) {
		char *h = place(s, s->sealed);
		uint32_t length = length_at(s, s->sealed);
		if (!is_pad(h)) {
			trust(length >= SPOOL_HEADER);
			put_u64(h + RECORD_AT_POSITION, s->sealed);
			put_u64(h + RECORD_AT_SYNCED, s->synced);
			put_u32(h + RECORD_AT_LAST,
				s->sealed + length == s->head);
			put_u32(h + RECORD_AT_CRC, spool_checksum(h, length));
		}
		s->sealed += length;
	}
}
