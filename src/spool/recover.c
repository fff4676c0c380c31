/*
 * recover.c - spool_recover() of spool.h: what is taken over of a ring that
 * another process has left. Any bytes may stand there.
 */
#include "spool/layout.h"

#include "json/json.h"

#include <string.h>

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
	const char *begins = r->kind == RECORD_ALERT             ? "{"
			     : r->kind == RECORD_NOTICE_LEFT_OUT ? "["
								 : NULL;
	return r->kind >= RECORD_ALERT && r->kind <= RECORD_STORED_LAST &&
	       r->envelope.status <= ALERT_RESOLVED &&
	       r->json.n <= LIMIT_ALERT &&
	       is_json(r->envelope.receiver, "\"n") &&
	       is_json(r->envelope.group_key, "\"n") &&
	       is_json(r->envelope.external_url, "\"n") &&
	       is_json(r->envelope.reason, "\"n") &&
	       (r->json.p != NULL) == (begins != NULL) &&
	       (begins == NULL || is_json(r->json, begins));
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
	    length > SPOOL_RECORD_MAX ||
	    get_u64(h + RECORD_AT_POSITION) != position)
		return 0;
	if (get_u32(h + RECORD_AT_CRC) != spool_checksum(h, length) ||
	    !spool_read_record(h, length, &r) || !is_sane(&r))
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
		uint64_t synced =
		    length ? get_u64(place(s, p) + RECORD_AT_SYNCED) : 0;
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
	uint64_t position = get_u64(h + RECORD_AT_POSITION);
	uint32_t length = get_u32(h), kind = get_u32(h + RECORD_AT_KIND);
	/* or it is cut before its position; one of an earlier lap is whole */
	bool begun = length >= SPOOL_HEADER && length % 8 == 0 &&
		     length <= SPOOL_RECORD_MAX && kind >= RECORD_ALERT &&
		     kind <= RECORD_STORED_LAST && position == 0;
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
			bool last = get_u32(place(s, p) + RECORD_AT_LAST);
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
	/* records that were safe, with no good one behind them */
	if (s->head < safe)
		report->gaps++;
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

void spool_forget_sinks(struct spool *s)
{
	uint64_t at = spool_tail(s);
	uint32_t length;
	/*@ loop invariant aligned(at) && at <= s->head;
	    loop assigns at, length, s->ring[0 .. s->size - 1];
	    loop variant s->head - at; */
	while ((length = spool_find(s, &at)) != 0) {
		char *h = place(s, at);
		if (get_u32(h + RECORD_AT_KIND) == RECORD_ALERT &&
		    get_u64(h + RECORD_AT_COUNT)) {
			put_u64(h + RECORD_AT_COUNT, 0);
			put_u32(h + RECORD_AT_CRC, spool_checksum(h, length));
		}
		at += length;
	}
}
