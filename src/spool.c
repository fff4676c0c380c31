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
 * tail to the head; a record never crosses the range's end.
 */
#include "spool.h"

#include "bytes.h"
#include "json.h"

#include <string.h>

enum {
	ABSENT = -1,
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
	ASSERT(size % 8 == 0 && size >= 2 * SPOOL_RECORD_MAX);
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

static char *place(const struct spool *s, uint64_t position)
{
	return s->ring + position % s->size;
}

static uint64_t until_end(const struct spool *s, uint64_t position)
{
	return s->size - position % s->size;
}

static void put_pad(const struct spool *s, uint64_t position, uint64_t n)
{
	put_u32(place(s, position), (uint32_t)n);
	put_u32(place(s, position) + AT_KIND, RECORD_PAD);
}

static char *put_text(char *p, char *length, struct span s)
{
	put_u32(length, s.p ? (uint32_t)s.n : (uint32_t)ABSENT);
	if (s.p)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

uint64_t spool_put(struct spool *s, const struct record *r)
{
	uint64_t need = spool_need(r), rest = until_end(s, s->head);
	ASSERT(spool_fits(s, need, need));
	if (need > rest) {
		/* the end is a multiple of 8 away, so a PAD has room */
		put_pad(s, s->head, rest);
		s->head += rest;
	}
	char *h = place(s, s->head);
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
	s->head += need;
	return s->head;
}

static struct span get_text(const char **p, const char *length)
{
	uint32_t n = get_u32(length);
	if (n == (uint32_t)ABSENT)
		return SPAN_NONE;
	struct span s = {*p, n};
	*p += n;
	return s;
}

static bool is_pad(const char *h)
{
	return get_u32(h + AT_KIND) == RECORD_PAD;
}

static void read_record(const char *h, struct record *r)
{
	const char *p = h + SPOOL_HEADER;
	*r = (struct record){
	    .kind = (enum record_kind)get_u32(h + AT_KIND),
	    .key = get_u64(h + AT_KEY),
	    .count = get_u64(h + AT_COUNT),
	    .received_s = (int64_t)get_u64(h + AT_RECEIVED_S),
	    .received_ms = (int64_t)get_u64(h + AT_RECEIVED_MS),
	};
	r->envelope.receiver = get_text(&p, h + AT_TEXTS);
	r->envelope.group_key = get_text(&p, h + AT_TEXTS + 4);
	r->envelope.external_url = get_text(&p, h + AT_TEXTS + 8);
	r->envelope.status = (enum alert_status)get_u32(h + AT_STATUS);
	r->json = get_text(&p, h + AT_JSON);
	r->index = get_text(&p, h + AT_INDEX);
}

bool spool_get(const struct spool *s, uint64_t *position, struct record *r)
{
	const char *h;
	do {
		if (*position == s->head)
			return false;
		h = place(s, *position);
		*position += get_u32(h);
	} while (is_pad(h));
	read_record(h, r);
	return true;
}

/* CRC-32C of a record, with zero in the place of its checksum. */
static uint32_t checksum(const char *h, uint32_t length)
{
	static const char zero[4] = {0};
	uint32_t crc = crc32c(0, h, AT_CRC);
	crc = crc32c(crc, zero, sizeof zero);
	return crc32c(crc, h + AT_CRC + 4, length - AT_CRC - 4);
}

void spool_seal(struct spool *s)
{
	while (s->sealed < s->head) {
		char *h = place(s, s->sealed);
		uint32_t length = get_u32(h);
		if (!is_pad(h)) {
			put_u64(h + AT_POSITION, s->sealed);
			put_u64(h + AT_SYNCED, s->synced);
			put_u32(h + AT_LAST, s->sealed + length == s->head);
			put_u32(h + AT_CRC, checksum(h, length));
		}
		s->sealed += length;
	}
}

/* Absent, or valid JSON that begins with one of `first`. */
static bool is_json(struct span s, const char *first)
{
	struct json j = {.report_depth = 0};
	enum json_event e;
	if (s.p == NULL)
		return true;
	if (s.n == 0 || strchr(first, s.p[0]) == NULL)
		return false;
	do
		e = json_next(&j, s.p + j.offset, s.n - (size_t)j.offset);
	while (e != JSON_MORE && e != JSON_BAD && e != JSON_TOO_DEEP);
	return e == JSON_MORE && json_end(&j);
}

/* The parts of a record fill it and hold what may be rendered. A checksum says
 * that a record was not damaged, not that it was bellwire who wrote it. */
static bool is_sane(const struct spool *s, uint64_t position)
{
	const char *h = place(s, position);
	uint32_t length = get_u32(h), kind = get_u32(h + AT_KIND);
	uint64_t parts = SPOOL_HEADER;
	static const int texts[] = {AT_TEXTS, AT_TEXTS + 4, AT_TEXTS + 8,
				    AT_JSON, AT_INDEX};
	struct record r;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		uint32_t n = get_u32(h + texts[i]);
		if (n != (uint32_t)ABSENT)
			parts += n;
	}
	if (parts > length || length - parts >= 8 || kind < RECORD_ALERT ||
	    kind > RECORD_NOTICE_LOST ||
	    get_u32(h + AT_STATUS) > ALERT_RESOLVED)
		return false;
	read_record(h, &r);
	if (r.json.n > LIMIT_ALERT)
		return false;
	return is_json(r.envelope.receiver, "\"n") &&
	       is_json(r.envelope.group_key, "\"n") &&
	       is_json(r.envelope.external_url, "\"n") &&
	       is_json(r.json, "{") &&
	       (r.json.p != NULL) == (kind == RECORD_ALERT);
}

/* The length of a good record at that position and not beyond `end`, or 0. */
static uint32_t good_record(const struct spool *s, uint64_t position,
			    uint64_t end)
{
	const char *h = place(s, position);
	uint64_t rest = until_end(s, position);
	if (rest > end - position)
		rest = end - position;
	if (rest < SPOOL_HEADER)
		return 0;
	uint32_t length = get_u32(h);
	if (length < SPOOL_HEADER || length % 8 || length > rest ||
	    length > SPOOL_RECORD_MAX || get_u64(h + AT_POSITION) != position)
		return 0;
	if (get_u32(h + AT_CRC) != checksum(h, length) || !is_sane(s, position))
		return 0;
	return length;
}

/* The length of what a PAD at that position passes over, up to the range's end
 * or, over a damaged place, to a good record; else 0. */
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
static void pad_over(struct spool *s, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t n = until_end(s, from);
		if (n > to - from)
			n = to - from;
		put_pad(s, from, n);
		from += n;
	}
}

/* How far the file is known to have been safe: what the youngest good record
 * says. Records that were on their way when the power went prove nothing. */
static uint64_t highest_synced(const struct spool *s, uint64_t from,
			       uint64_t end)
{
	uint64_t highest = 0;
	for (uint64_t p = from; p < end;) {
		uint32_t length = good_record(s, p, end);
		uint64_t synced = length ? get_u64(place(s, p) + AT_SYNCED) : 0;
		if (synced > highest)
			highest = synced;
		p += length ? length : 8;
	}
	return highest;
}

static uint64_t next_good(const struct spool *s, uint64_t p, uint64_t end)
{
	while (p < end && !good_record(s, p, end))
		p += 8;
	return p;
}

/* What a record that was cut by a crash says of its own length. */
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
			uint64_t next = next_good(s, p, end);
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
	for (uint64_t q = s->head; q < end; q += 8)
		memset(place(s, q), 0, 8);
	s->sealed = s->synced = s->started = s->head;
	s->freed = from;
}
