/*
 * record.h - what becomes of an alert, or of a word about alerts, between the
 * request that brought it and the line that tells of it.
 */
#ifndef ALERT_RECORD_H
#define ALERT_RECORD_H

#include "alert/alert.h"

enum record_kind {
	RECORD_PAD = 1,
	RECORD_ALERT,
	RECORD_NOTICE_TRUNCATED, /* `count` alerts were left out by the sender*/
	RECORD_NOTICE_LEFT_OUT,  /* an alert that could not be taken; `json` is
				  * [alertname, fingerprint, why], null where
				  * that is not known */
	RECORD_NOTICE_LOST,      /* places in the spool that were damaged */
	RECORD_NOTICE_LEFT,      /* alerts of a sink that was taken out */
	RECORD_STORED_LAST = RECORD_NOTICE_LEFT, /* those below never are */
	RECORD_NOTICE_SKIPPED, /* alerts older than --max-age */
	RECORD_NOTICE_DROPPED, /* by a sink with wait=no */
};

struct record {
	enum record_kind kind;
	uint64_t key;        /* the alert's name, see intake.h */
	uint64_t count;      /* of a notice; of an alert: record_for() */
	int64_t received_s;  /* when it was accepted, seconds since 1970 */
	int64_t received_ms; /* the same on this process's monotonic clock */
	struct envelope envelope;
	struct span json;  /* the alert, raw */
	struct span index; /* of it, by this process; see alert_index() */
};

/* `count` of an alert: bit i of `only`: it is for sink i, of those that want
 * it; none set: for all of these. Bit i of `wanted`: sink i wanted it when it
 * came.
 */
enum { RECORD_ONLY_BITS = 8, RECORD_FOR_NOBODY = 1 << 16 };

/*@ assigns \nothing; */
static inline uint64_t record_for(unsigned only, unsigned wanted)
{
	return only | (uint64_t)wanted << RECORD_ONLY_BITS;
}

/*@ requires \valid_read(r) && sink < LIMIT_SINKS;
    assigns \nothing; */
static inline bool record_is_for(const struct record *r, unsigned sink)
{
	uint64_t only = r->count & (RECORD_FOR_NOBODY | 0xff);
	return r->kind != RECORD_ALERT || only == 0 || (only >> sink & 1);
}

/*@ requires \valid_read(r) && sink < LIMIT_SINKS;
    assigns \nothing; */
static inline bool record_was_wanted(const struct record *r, unsigned sink)
{
	return r->kind == RECORD_ALERT &&
	       (r->count >> (RECORD_ONLY_BITS + sink) & 1);
}

#endif
