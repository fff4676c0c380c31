/*
 * layout.h - what spool.c shares with recover.c: how a record lies in the
 * ring.
 *
 * A record, little-endian on every machine:
 *
 *	 0 u32 length, all of it, a multiple of 8
 *	 4 u32 kind; a PAD has no more than these two
 *	 8 u64 key
 *	16 u64 count
 *	24 i64 received_s
 *	32 u32 length of receiver, ~0 if absent; then groupKey, externalURL
 *	44 u16 status of the envelope
 *	46 u16 length of notification_reason, 0 if absent
 *	48 u32 length of the alert's JSON
 *	52 u32 CRC-32C of all of it, with zero here
 *	56 u64 position
 *	64 u64 synced: all before it was in the file when this was sealed
 *	72 i64 received_ms
 *	80 u32 1 if it is the last of those sealed together
 *	84 u32 length of the JSON's index, which other processes pass over
 *	88 receiver, groupKey, externalURL, notification_reason, JSON, index;
 *	   zero to the length
 */
#ifndef SPOOL_LAYOUT_H
#define SPOOL_LAYOUT_H

#include "base/bytes.h"
#include "spool/spool.h"

#define ABSENT UINT32_MAX /* the length of a text that is not there */

enum {
	RECORD_AT_KIND = 4,
	RECORD_AT_KEY = 8,
	RECORD_AT_COUNT = 16,
	RECORD_AT_RECEIVED_S = 24,
	RECORD_AT_TEXTS = 32,
	RECORD_AT_STATUS = 44,
	REASON_SHIFT = 16, /* of its length, in that word */
	RECORD_AT_JSON = 48,
	RECORD_AT_CRC = 52,
	RECORD_AT_POSITION = 56,
	RECORD_AT_SYNCED = 64,
	RECORD_AT_RECEIVED_MS = 72,
	RECORD_AT_LAST = 80,
	RECORD_AT_INDEX = 84,
};

/*@ logic integer rest(struct spool *s, integer position) =
	s->size - position % s->size;

    predicate aligned(integer position) = position % 8 == 0;

    lemma rest_is_aligned: \forall integer a, b; 0 <= a && 0 < b &&
	aligned(a) && aligned(b) ==> aligned(a % b); */

/* Where a position falls. Division of 64 bits is a long function where words
 * have 32, and it takes long to write 4 GB. */
/*@ requires ring_ok(s);
    assigns \nothing;
    ensures \result == position % s->size; */
static inline uint64_t offset_of(const struct spool *s, uint64_t position)
{
	if (position <= UINT32_MAX && s->size <= UINT32_MAX)
		return (uint32_t)position % (uint32_t)s->size;
	return position % s->size;
}

/*@ requires ring_ok(s);
    assigns \result \from s->ring, s->size, position;
    ensures \result == s->ring + (s->size - rest(s, position));
    ensures 0 < rest(s, position) <= s->size;
    ensures \valid(\result + (0 .. rest(s, position) - 1));
    ensures aligned(position) ==> rest(s, position) >= 8; */
static inline char *place(const struct spool *s, uint64_t position)
{
	return s->ring + offset_of(s, position);
}

/*@ requires ring_ok(s);
    assigns \nothing;
    ensures \result == rest(s, position) && 0 < \result <= s->size;
    ensures aligned(position) ==> \result % 8 == 0; */
static inline uint64_t until_end(const struct spool *s, uint64_t position)
{
	return s->size - offset_of(s, position);
}

/*@ requires \valid(h + (0 .. 7)) && n <= UINT32_MAX;
    assigns h[0 .. 7]; */
static inline void put_pad(char *h, uint64_t n)
{
	put_u32(h, (uint32_t)n);
	put_u32(h + RECORD_AT_KIND, RECORD_PAD);
}

/*@ requires \valid_read(h + (0 .. 7));
    assigns \nothing; */
static inline bool is_pad(const char *h)
{
	return get_u32(h + RECORD_AT_KIND) == RECORD_PAD;
}

/* Passes over PADs to the record behind them, at *position then. Returns its
 * length, 0 at the head. */
/*@ requires ring_ok(s) && aligned(*position) && *position <= s->head;
    requires \valid(position) && \separated(s, position);
    assigns *position;
    ensures aligned(*position);
    ensures \old(*position) <= *position <= s->head;
    ensures \result == 0 <==> *position == s->head;
    ensures \result % 8 == 0 && \result <= s->head - *position;
    ensures \result <= rest(s, *position);
    ensures \result == 0 || \result >= SPOOL_HEADER; */
uint32_t spool_find(const struct spool *s, uint64_t *position);
/* Reads the record of that length at h. False if its parts do not fill it. */
/*@ requires \valid(r) && length >= SPOOL_HEADER;
    requires \valid_read(h + (0 .. length - 1));
    assigns *r;
    ensures \result ==> record_ok(r); */
bool spool_read_record(const char *h, uint32_t length, struct record *r);
/* CRC-32C of a record, with zero in the place of its checksum. */
/*@ requires length >= SPOOL_HEADER && \valid_read(h + (0 .. length - 1));
    assigns \nothing; */
uint32_t spool_checksum(const char *h, uint32_t length);

#endif
