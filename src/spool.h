/*
 * spool.h - accepted alerts on their way to the sinks: one ring of records,
 * one writer, one cursor a sink.
 *
 * Pure, over a byte range that it is handed. A position counts bytes since the
 * ring was new and never wraps (2^64), so `a is behind b` is `a < b`; it stands
 * at position % size in the range. A record is whole in one piece: what does
 * not fit before the range's end starts again at its beginning, behind a
 * PAD record.
 *
 *	put --> [ queued ] -- every cursor has passed it --> [ gone ]
 *
 * A cursor names the first record that its sink has not finished. The ring's
 * tail is the least advanced cursor.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include "alert.h"

enum record_kind {
	RECORD_PAD = 1,
	RECORD_ALERT,
	RECORD_NOTICE_TRUNCATED, /* `count` alerts were left out by the sender*/
	RECORD_NOTICE_TOO_LARGE, /* an alert was larger than LIMIT_ALERT */
};

struct record {
	enum record_kind kind;
	uint64_t key;       /* the alert's name, see intake.h */
	uint64_t count;     /* of a notice */
	int64_t received_s; /* when it was accepted, seconds since 1970 */
	struct envelope envelope;
	struct span json; /* the alert, raw */
};

struct spool {
	char *ring;
	uint64_t size;
	uint64_t head; /* where the next record goes */
	unsigned cursors;
	uint64_t cursor[LIMIT_SINKS];
};

/* The largest record: header, envelope and alert in whole-body mode share
 * LIMIT_WHOLE_BODY; otherwise each has its own limit. Rounded up to 8. */
enum {
	SPOOL_HEADER = 64,
	SPOOL_RECORD_MAX = SPOOL_HEADER + LIMIT_ALERT + LIMIT_ENVELOPE,
};

/* The ring is ring[0..size), size a multiple of 8 and at least two of the
 * largest record; it must live as long as the spool. */
void spool_init(struct spool *s, char *ring, uint64_t size, unsigned cursors);

/* Bytes that a record takes. */
uint64_t spool_need(const struct record *r);
/* Would records of `total` bytes fit, the largest of which is `largest`? What
 * is lost at the range's end is counted in, so true is a promise. */
bool spool_fits(const struct spool *s, uint64_t total, uint64_t largest);
/* The same if the ring were empty. */
bool spool_could_fit(const struct spool *s, uint64_t total, uint64_t largest);

/* Appends a record; the caller has asked spool_fits(). Returns the position
 * behind it. */
uint64_t spool_put(struct spool *s, const struct record *r);

/* Reads the record at *position and moves *position behind it; PAD is skipped.
 * *r points into the ring until the tail passes it. False at the head. */
bool spool_get(const struct spool *s, uint64_t *position, struct record *r);

uint64_t spool_tail(const struct spool *s);
/* Bytes in use. */
uint64_t spool_used(const struct spool *s);

#endif
