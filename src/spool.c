/*
 * spool.c - see spool.h.
 *
 * A record, little-endian on every machine:
 *
 *	 0 u32 length, all of it, a multiple of 8
 *	 4 u32 kind; a PAD has no more than these two
 *	 8 u64 key
 *	16 u64 count
 *	24 i64 received_s
 *	32 u32 length of receiver, ~0 if absent; then groupKey, externalURL
 *	44 u32 status of the envelope
 *	48 u32 length of the alert's JSON
 *	52 u32 CRC-32C of all of it, with zero here
 *	56 u64 position
 *	64 u64 synced: all before it was in the file when this was sealed
 *	72 i64 received_ms
 *	80 u32 1 if it is the last of those sealed together
 *	84 u32 length of the JSON's index, which other processes pass over
 *	88 receiver, groupKey, externalURL, JSON, index; zero to the length
 *
 * Invariants: tail <= head <= freed + size; records stand back to back from the
 * tail to the head; a record never crosses the range's end. Whether that is so
 * is looked at again as they are read, see trust().
 */
#include "spool.h"

#include "bytes.h"
#include "json.h"

#include <string.h>

#define ABSENT UINT32_MAX /* the length of a text that is not there */

enum {
	AT_KIND = 4,
	AT_KEY = 8,
	AT_COUNT = 16,
	AT_RECEIVED_S = 24,
	AT_TEXTS = 32,
	AT_STATUS = 44,
	AT_JSON = 48,
	AT_CRC = 52,
	AT_POSITION = 56,
	AT_SYNCED = 64,
	AT_RECEIVED_MS = 72,
	AT_LAST = 80,
	AT_INDEX = 84,
	PAD_BYTES = 8,
};

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
		     r->json.n + r->index.n;
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

bool spool_fits(const struct spool *s, uint64_t total, uint64_t largest)
{
	uint64_t kept = s->durable ? s->head - s->freed : spool_used(s);
	return total + largest <= s->size - kept;
}

/*@ logic integer rest(struct spool *s, integer position) =
	s->size - position % s->size;

    predicate aligned(integer position) = position % 8 == 0;

    predicate clear(char *h, integer n, struct span text) =
	\separated(h + (0 .. n - 1), text.p + (0 .. text.n - 1));

    lemma rest_is_aligned: \forall integer a, b; 0 <= a && 0 < b &&
	aligned(a) && aligned(b) ==> aligned(a % b); */

/*@ requires ring_ok(s);
    assigns \result \from s->ring, s->size, position;
    ensures \result == s->ring + (s->size - rest(s, position));
    ensures 0 < rest(s, position) <= s->size;
    ensures \valid(\result + (0 .. rest(s, position) - 1));
    ensures aligned(position) ==> rest(s, position) >= 8; */
static char *place(const struct spool *s, uint64_t position)
{
	return s->ring + position % s->size;
}

/*@ requires ring_ok(s);
    assigns \nothing;
    ensures \result == rest(s, position) && 0 < \result <= s->size;
    ensures aligned(position) ==> \result % 8 == 0; */
static uint64_t until_end(const struct spool *s, uint64_t position)
{
	return s->size - position % s->size;
}

/*@ requires \valid(h + (0 .. 7)) && n <= UINT32_MAX;
    assigns h[0 .. 7]; */
static void put_pad(char *h, uint64_t n)
{
	put_u32(h, (uint32_t)n);
	put_u32(h + AT_KIND, RECORD_PAD);
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
	if (s.p)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

/*@ requires \valid_read(r) && record_ok(r);
    requires bytes_of(r) <= need <= SPOOL_RECORD_MAX;
    requires \valid(h + (0 .. need - 1));
    requires clear(h, need, r->json) && clear(h, need, r->envelope.receiver);
    requires clear(h, need, r->envelope.group_key);
    requires clear(h, need, r->envelope.external_url);
    requires clear(h, need, r->index);
    assigns h[0 .. need - 1]; */
static void put_record(char *h, uint64_t need, const struct record *r)
{
	memset(h, 0, SPOOL_HEADER);
	put_u32(h, (uint32_t)need);
	put_u32(h + AT_KIND, (uint32_t)r->kind);
	put_u64(h + AT_KEY, r->key);
	put_u64(h + AT_COUNT, r->count);
	put_u64(h + AT_RECEIVED_S, (uint64_t)r->received_s);
	put_u64(h + AT_RECEIVED_MS, (uint64_t)r->received_ms);
	char *p = h + SPOOL_HEADER;
	p = put_text(p, h + AT_TEXTS, r->envelope.receiver);
	p = put_text(p, h + AT_TEXTS + 4, r->envelope.group_key);
	p = put_text(p, h + AT_TEXTS + 8, r->envelope.external_url);
	put_u32(h + AT_STATUS, (uint32_t)r->envelope.status);
	p = put_text(p, h + AT_JSON, r->json);
	p = put_text(p, h + AT_INDEX, r->index);
	memset(p, 0, (size_t)(h + need - p));
}

uint64_t spool_put(struct spool *s, const struct record *r)
{
	uint64_t need = spool_need(r), rest = until_end(s, s->head);
	char *h = place(s, s->head);
	ASSERT(spool_fits(s, need, need));
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

/*@ requires \valid_read(h + (0 .. 7));
    assigns \nothing; */
static bool is_pad(const char *h)
{
	return get_u32(h + AT_KIND) == RECORD_PAD;
}

/* One of a record's texts, off the front of what is left of it. */
/*@ requires \valid(left) && \valid(text) && \separated(left, text);
    requires span_ok(*left) && \valid_read(length + (0 .. 3));
    assigns *left, *text;
    ensures span_ok(*left) && left->n <= \old(left->n);
    ensures text_ok(*text); */
static bool get_text(struct span *left, const char *length, struct span *text)
{
	uint32_t n = get_u32(length);
	*text = SPAN_NONE;
	if (n == ABSENT)
		return true;
	if (n > left->n)
		return false;
	*text = (struct span){left->p, n};
	*left = span_skip(*left, n);
	return true;
}

/* False if the parts of what is at h do not fill its length. */
/*@ requires \valid(r) && length >= SPOOL_HEADER;
    requires \valid_read(h + (0 .. length - 1));
    assigns *r;
    ensures \result ==> record_ok(r); */
static bool read_record(const char *h, uint32_t length, struct record *r)
{
	struct span left = {h + SPOOL_HEADER, length - SPOOL_HEADER};
	*r = (struct record){
	    .kind = (enum record_kind)get_u32(h + AT_KIND),
	    .key = get_u64(h + AT_KEY),
	    .count = get_u64(h + AT_COUNT),
	    .received_s = (int64_t)get_u64(h + AT_RECEIVED_S),
	    .received_ms = (int64_t)get_u64(h + AT_RECEIVED_MS),
	};
	r->envelope.status = (enum alert_status)get_u32(h + AT_STATUS);
	return get_text(&left, h + AT_TEXTS, &r->envelope.receiver) &&
	       get_text(&left, h + AT_TEXTS + 4, &r->envelope.group_key) &&
	       get_text(&left, h + AT_TEXTS + 8, &r->envelope.external_url) &&
	       get_text(&left, h + AT_JSON, &r->json) &&
	       get_text(&left, h + AT_INDEX, &r->index) && left.n < 8;
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
static uint32_t length_at(const struct spool *s, uint64_t position)
{
	uint32_t length = get_u32(place(s, position));
	trust(length != 0 && length % 8 == 0 &&
	      length <= until_end(s, position) && length <= s->head - position);
	return length;
}

bool spool_get(const struct spool *s, uint64_t *position, struct record *r)
{
	/*@ loop invariant aligned(*position);
	    loop invariant \at(*position, Pre) <= *position <= s->head;
	    loop assigns *position, *r;
	    loop variant s->head - *position; */
	while (*position != s->head) {
		const char *h = place(s, *position);
		uint32_t length = length_at(s, *position);
		*position += length;
		if (!is_pad(h)) {
			bool whole =
			    length >= SPOOL_HEADER && read_record(h, length, r);
			trust(whole);
			return true;
		}
	}
	return false;
}

/* CRC-32C of a record, with zero in the place of its checksum. */
/*@ requires length >= SPOOL_HEADER && \valid_read(h + (0 .. length - 1));
    assigns \nothing; */
static uint32_t checksum(const char *h, uint32_t length)
{
	static const char zero[4] = {0};
	uint32_t crc = crc32c(0, h, AT_CRC);
	crc = crc32c(crc, zero, sizeof zero);
	return crc32c(crc, h + AT_CRC + 4, length - AT_CRC - 4);
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
			put_u64(h + AT_POSITION, s->sealed);
			put_u64(h + AT_SYNCED, s->synced);
			put_u32(h + AT_LAST, s->sealed + length == s->head);
			put_u32(h + AT_CRC, checksum(h, length));
		}
		s->sealed += length;
	}
}

/* Absent, or valid JSON that begins with one of `first`. */
/*@ requires span_ok(s);
    requires in_word(first);
    assigns \nothing; */
static bool is_json(struct span s, const char *first)
{
	struct json j = {.report_depth = 0};
	enum json_event e;
	int told = 0;
	if (s.p == NULL)
		return true;
	if (s.n == 0 || strchr(first, s.p[0]) == NULL)
		return false;
	/* at depth 0 there is an OPEN and a CLOSE to be told of, or a value */
	/*@ loop invariant json_ok(&j) && j.offset <= s.n && 0 <= told <= 2;
	    loop assigns j, e, told;
	    loop variant 2 - told; */
	do
		e = json_next(&j, s.p + j.offset, s.n - (size_t)j.offset);
	while (e != JSON_MORE && e != JSON_BAD && e != JSON_TOO_DEEP &&
	       ++told <= 2);
	return e == JSON_MORE && json_end(&j);
}

/* Holds what may be rendered. A checksum says that a record was not damaged,
 * not that it was bellwire who wrote it. */
/*@ requires \valid_read(r) && record_ok(r);
    assigns \nothing; */
static bool is_sane(const struct record *r)
{
	return r->kind >= RECORD_ALERT && r->kind <= RECORD_NOTICE_LOST &&
	       r->envelope.status <= ALERT_RESOLVED &&
	       r->json.n <= LIMIT_ALERT &&
	       is_json(r->envelope.receiver, "\"n") &&
	       is_json(r->envelope.group_key, "\"n") &&
	       is_json(r->envelope.external_url, "\"n") &&
	       is_json(r->json, "{") &&
	       (r->json.p != NULL) == (r->kind == RECORD_ALERT);
}

/* The length of a good record at that position and not beyond `end`, or 0. */
/*@ requires ring_ok(s) && aligned(position) && position <= end;
    assigns \nothing;
    ensures \result <= rest(s, position) && \result % 8 == 0;
    ensures \result <= end - position;
    ensures \result == 0 || \result >= SPOOL_HEADER; */
static uint32_t good_record(const struct spool *s, uint64_t position,
			    uint64_t end)
{
	const char *h = place(s, position);
	uint64_t rest = until_end(s, position);
	struct record r;
	if (rest > end - position)
		rest = end - position;
	if (rest < SPOOL_HEADER)
		return 0;
	uint32_t length = get_u32(h);
	if (length < SPOOL_HEADER || length % 8 || length > rest ||
	    length > SPOOL_RECORD_MAX || get_u64(h + AT_POSITION) != position)
		return 0;
	if (get_u32(h + AT_CRC) != checksum(h, length) ||
	    !read_record(h, length, &r) || !is_sane(&r))
		return 0;
	return length;
}

/* The length of what a PAD at that position passes over, up to the range's end
 * or, over a damaged place, to a good record; else 0. */
/*@ requires ring_ok(s) && aligned(position) && aligned(end);
    requires position < end <= UINT64_MAX - UINT32_MAX;
    assigns \nothing;
    ensures \result % 8 == 0 && \result < end - position; */
static uint64_t good_pad(const struct spool *s, uint64_t position, uint64_t end)
{
	const char *h = place(s, position);
	uint64_t n = get_u32(h), rest = until_end(s, position);
	if (!is_pad(h) || n % 8 || n == 0 || n > rest || position + n >= end)
		return 0;
	bool good = good_record(s, position + n, end) != 0;
	/* two PADs, where a damaged place goes over the range's end */
	if (!good && n == rest && is_pad(place(s, position + n))) {
		uint64_t more = get_u32(place(s, position + n));
		good = more % 8 == 0 && more < end - position - n &&
		       good_record(s, position + n + more, end) != 0;
	}
	return good ? n : 0;
}

/* Lets readers pass over [from, to), which holds nothing of use. */
/*@ requires ring_ok(s) && aligned(from) && aligned(to) && from <= to;
    assigns s->ring[0 .. s->size - 1]; */
static void pad_over(struct spool *s, uint64_t from, uint64_t to)
{
	/*@ loop invariant aligned(from) && from <= to;
	    loop assigns from, s->ring[0 .. s->size - 1];
	    loop variant to - from; */
	while (from < to) {
		uint64_t n = until_end(s, from);
		if (n > to - from)
			n = to - from;
		put_pad(place(s, from), n);
		from += n;
	}
}

/* How far the file is known to have been safe: what the youngest good record
 * says. Records that were on their way when the power went prove nothing. */
/*@ requires ring_ok(s) && aligned(from) && aligned(end) && from <= end;
    assigns \nothing; */
static uint64_t highest_synced(const struct spool *s, uint64_t from,
			       uint64_t end)
{
	uint64_t highest = 0;
	/*@ loop invariant aligned(p) && from <= p <= end;
	    loop assigns p, highest;
	    loop variant end - p; */
	for (uint64_t p = from; p < end;) {
		uint32_t length = good_record(s, p, end);
		uint64_t synced = length ? get_u64(place(s, p) + AT_SYNCED) : 0;
		if (synced > highest)
			highest = synced;
		p += length ? length : 8;
	}
	return highest;
}

/*@ requires ring_ok(s) && aligned(p) && aligned(end) && p <= end;
    assigns \nothing;
    ensures p <= \result <= end && aligned(\result); */
static uint64_t next_good(const struct spool *s, uint64_t p, uint64_t end)
{
	/*@ loop invariant aligned(p) && \at(p, Pre) <= p <= end;
	    loop assigns p;
	    loop variant end - p; */
	while (p < end && !good_record(s, p, end))
		p += 8;
	return p;
}

/* What a record that was cut by a crash says of its own length. */
/*@ requires ring_ok(s) && aligned(p) && p <= end;
    requires end <= UINT64_MAX - LIMIT_SPOOL_FILE_MAX;
    assigns \nothing;
    ensures \result <= UINT32_MAX; */
static uint64_t torn_bytes(const struct spool *s, uint64_t p, uint64_t end)
{
	if (p < end && is_pad(place(s, p)) &&
	    get_u32(place(s, p)) == until_end(s, p))
		p += until_end(s, p);
	if (p >= end || until_end(s, p) < SPOOL_HEADER)
		return 0;
	const char *h = place(s, p);
	uint64_t position = get_u64(h + AT_POSITION);
	uint32_t length = get_u32(h), kind = get_u32(h + AT_KIND);
	/* or it is cut before its position; one of an earlier lap is whole */
	bool begun = length >= SPOOL_HEADER && length % 8 == 0 &&
		     length <= SPOOL_RECORD_MAX && kind >= RECORD_ALERT &&
		     kind <= RECORD_NOTICE_LOST && position == 0;
	return position == p || begun ? length : 0;
}

void spool_recover(struct spool *s, uint64_t from, uint64_t safe,
		   struct spool_report *report)
{
	uint64_t p = from, end = from + s->size, records = 0, pad;
	uint64_t proved = highest_synced(s, from, end);
	if (proved > safe)
		safe = proved;
	*report = (struct spool_report){0};
	s->head = from;
	/*@ loop invariant from <= s->head <= p <= end;
	    loop invariant aligned(p) && aligned(s->head);
	    loop invariant records <= p - from && report->gaps <= p - from;
	    loop assigns p, records, pad, s->head, *report,
		 s->ring[0 .. s->size - 1];
	    loop variant end - p; */
	while (p < end) {
		uint32_t length = good_record(s, p, end);
		if (length) {
			bool last = get_u32(place(s, p) + AT_LAST);
			p += length;
			records++;
			if (last || p <= safe) {
				s->head = p;
				report->records = records;
			}
		} else if ((pad = good_pad(s, p, end)) != 0) {
			p += pad;
		} else {
			uint64_t next = next_good(s, p + 8, end);
			if (p >= safe || next == end)
				break;
			pad_over(s, p, next);
			report->gaps++;
			p = next;
		}
	}
	report->torn = p - s->head + torn_bytes(s, p, end);
	report->rewrite =
	    report->torn || report->gaps || next_good(s, s->head, end) != end;
	/* nothing old may look like a good record behind the new head */
	/*@ loop invariant aligned(q) && s->head <= q <= end;
	    loop assigns q, s->ring[0 .. s->size - 1];
	    loop variant end - q; */
	for (uint64_t q = s->head; q < end; q += 8)
		memset(place(s, q), 0, 8);
	s->sealed = s->synced = s->started = s->head;
	s->freed = from;
}
