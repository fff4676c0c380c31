/*
 * recall.h - a fixed memory for keys of alerts: find, add, forget the oldest.
 *
 * Pure. Entries stand in one array; chains of indexes make the hash index and
 * the order of age. Indexes are stored plus one, so zeroed memory is an empty
 * recall and nothing has to be set up (or even touched) before it is used.
 */
#ifndef INTAKE_RECALL_H
#define INTAKE_RECALL_H

#include "base/text.h"
#include "facts/limits.h"

enum { RECALL_BUCKETS = 4096 };

struct recall_entry {
	uint64_t key;
	uint64_t position; /* where the alert's record ends in the spool */
	uint64_t claims;   /* bit i: connection i waits for it */
	int64_t since_ms;  /* when a request last had it; its size (firing) */
	bool until_done;   /* forget it once its record is done */
	bool overflow;     /* the record is in the overflow, not in the spool */
	uint16_t length;   /* of the record, in eights of bytes */
	uint16_t next;     /* in the bucket, or the free list */
	uint16_t previous; /* in the bucket */
	uint16_t older, newer;
	uint32_t serial; /* counts entries; wraps */
};

struct recall {
	struct recall_entry entry[LIMIT_UNACKED];
	uint16_t bucket[RECALL_BUCKETS];
	uint16_t oldest, newest;
	uint16_t free;   /* entries given back */
	uint16_t used;   /* entries ever taken */
	uint32_t serial; /* of the next one */
};

/* The newest entry of that key not claimed by connection `slot`, looking at
 * LIMIT_EQUAL_ALERTS of that key at most; NULL if there is none. */
struct recall_entry *recall_find(struct recall *r, uint64_t key, unsigned slot);

/* A new entry with that key and no claims, in place of the oldest if full. */
struct recall_entry *recall_add(struct recall *r, uint64_t key);

/* Forgets an entry. */
void recall_remove(struct recall *r, struct recall_entry *e);

/* Drops the claims of a connection, all on entries of that serial or later
 * ones; with `forget`, also the entries claimed, which are as of now_ms
 * otherwise. */
void recall_release(struct recall *r, unsigned slot, uint32_t from, bool forget,
		    int64_t now_ms);
/* Was the entry of serial `a` made before that of `b`? */
static inline bool recall_is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

#endif
