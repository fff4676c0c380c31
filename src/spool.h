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
 *	put --> [ queued ] --sync--> [ on disk ] --every `keep` has passed it-->
 *	[ done ] --sync--> [ gone: its bytes may be used again ]
 *
 * Without a file there is no sync, and both of its steps are skipped. For each
 * sink, `cursor` names the first record that it has not been given whole, and
 * `keep` the first one that it may have to be given again: a line may be in a
 * pipe or in a driver and still be lost on the way. keep <= cursor <= head.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include "alert.h"

enum record_kind {
	RECORD_PAD = 1,
	RECORD_ALERT,
	RECORD_NOTICE_TRUNCATED, /* `count` alerts were left out by the sender*/
	RECORD_NOTICE_TOO_LARGE, /* an alert was larger than LIMIT_ALERT */
	RECORD_NOTICE_LOST,      /* places in the spool that were damaged */
	RECORD_NOTICE_SKIPPED,   /* alerts older than --max-age; not stored */
};

struct record {
	enum record_kind kind;
	uint64_t key;        /* the alert's name, see intake.h */
	uint64_t count;      /* of a notice */
	int64_t received_s;  /* when it was accepted, seconds since 1970 */
	int64_t received_ms; /* the same on this process's monotonic clock */
	struct envelope envelope;
	struct span json;  /* the alert, raw */
	struct span index; /* of it, by this process; see alert_put_index() */
};

struct spool {
	char *ring;
	uint64_t size;
	uint64_t head; /* where the next record goes */
	unsigned cursors;
	uint64_t cursor[LIMIT_SINKS], keep[LIMIT_SINKS];
	bool durable;     /* there is a file, see image.h */
	uint64_t sealed;  /* records before it are fit for the file */
	uint64_t synced;  /* records before it are in the file */
	uint64_t freed;   /* the file says that those before it are done */
	bool wanted;      /* room was asked for in vain since the last sync */
	uint64_t started; /* head when this process began */
};

/* The largest record: header, envelope and alert in whole-body mode share
 * LIMIT_WHOLE_BODY; otherwise each has its own limit. */
enum {
	SPOOL_HEADER = 88,
	SPOOL_RECORD_MAX =
	    SPOOL_HEADER + LIMIT_ALERT + LIMIT_ENVELOPE + ALERT_INDEX,
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

/* The least advanced `keep`: what is before it is done. */
uint64_t spool_tail(const struct spool *s);
/* Bytes in use. */
uint64_t spool_used(const struct spool *s);

/* Makes the records since the last call fit for a file: each gets its position,
 * how far the file was safe before it, and a checksum; the last one also the
 * mark that all of them are there. */
void spool_seal(struct spool *s);

/* What spool_recover() found. */
struct spool_report {
	uint64_t records; /* taken over */
	uint64_t torn;    /* bytes dropped at the end: never acknowledged */
	uint64_t gaps;    /* damaged places between good records */
	bool rewrite;     /* the file's ring holds what was dropped: it must be
			     written again, or that may come back */
};

/* Takes over a ring that another process has left, as it was read from a file.
 * `from` is the least position that may be needed; what stands before `safe` is
 * known to have been in the file, so what is bad there was damaged. Never
 * fails: what is not a good record is not taken over. Sets head and fills
 * *report.
 *
 * What was read may not be safe yet: a process that was killed leaves writes
 * that only the kernel knows of. So the caller writes the ring again if
 * report->rewrite says so, and in any case syncs the file, before it relies on
 * anything or writes anything else. */
void spool_recover(struct spool *s, uint64_t from, uint64_t safe,
		   struct spool_report *report);

#endif
