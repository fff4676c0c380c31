/*
 * image.h - the spool as a file: what stands where, and which bytes a change
 * has to write. Pure; who owns the file writes them, see store.h and persist.h.
 *
 *	     0  header: magic, version, size of the ring, key of the names
 *	  4096  cursors, for even sequence numbers
 *	  8192  cursors, for odd ones
 *	 12288  the ring
 *
 * The cursors that the last sync made safe are left alone until the next sync:
 * what is written in between, so that a killed process goes on where it was,
 * goes to the other place. So one of them is whole at any time. A ring position
 * is only used again when the cursors that have passed it are safe in the file;
 * so what a power cut leaves is always the cursors of some sync, and all of the
 * records from them on to that sync.
 */
#ifndef SPOOL_IMAGE_H
#define SPOOL_IMAGE_H

#include "base/hash.h"
#include "spool/spool.h"

enum {
	IMAGE_BLOCK = 4096,
	IMAGE_RING = 3 * IMAGE_BLOCK,
	IMAGE_HEADER_BYTES = 64,
	IMAGE_CURSOR_BYTES = 40 + 16 * LIMIT_SINKS + 8 + 8 * LIMIT_SINKS + 8,
};

enum image_verdict {
	IMAGE_GOOD,
	IMAGE_BLANK,   /* zeros: its making was interrupted */
	IMAGE_FOREIGN, /* not a spool, or too damaged to tell */
	IMAGE_VERSION, /* a spool of another version */
	IMAGE_SIZE,    /* a spool of another size */
};

struct image {
	uint64_t sequence;          /* of the cursors, last written */
	uint64_t safe;              /* of those that a sync made safe */
	uint64_t keep[LIMIT_SINKS]; /* as last written */
	uint64_t untold[LIMIT_SINKS];
	uint64_t sink[LIMIT_SINKS]; /* names of the sinks, see image_sink() */
	uint64_t told_safe;         /* how far, by the cursors last written */
	bool failed;                /* the last writing */
	uint64_t tail;              /* that the cursors under way say */
	uint64_t head;
	/* One number of the owner's, told once the records before it are
	 * safe: as it is, as of the plan, as of the sync, as told. */
	uint64_t alarm, alarm_planned, alarm_safe, alarm_told;
	char cursors[IMAGE_CURSOR_BYTES];
};

/* Bytes to be written at an offset of the file, in any order. */
struct image_write {
	uint64_t offset;
	const char *p;
	size_t n;
};

enum { IMAGE_WRITES = 3 };

/*@ predicate in_file(struct image_write w, integer ring_size) =
	\valid_read(w.p + (0 .. w.n - 1)) &&
	w.offset + w.n <= IMAGE_RING + ring_size; */

/* The header of a new file; writes IMAGE_HEADER_BYTES. */
/*@ requires \valid(p + (0 .. IMAGE_HEADER_BYTES - 1)) && \valid_read(key);
    assigns p[0 .. IMAGE_HEADER_BYTES - 1]; */
void image_put_header(char *p, uint64_t size, const struct hash_key *key);
/* Reads a header, and the key out of a good one. */
/*@ requires \valid_read(p + (0 .. IMAGE_HEADER_BYTES - 1)) && \valid(key);
    assigns *key;
    ensures \result != IMAGE_GOOD ==> *key == \old(*key); */
enum image_verdict image_read_header(const char *p, uint64_t size,
				     struct hash_key *key);

/* Did it once begin as a header does? */
/*@ requires \valid_read(p + (0 .. IMAGE_HEADER_BYTES - 1));
    assigns \nothing; */
bool image_is_marked(const char *p);
/* The size that a header tells; any number if it is not a good one. */
/*@ requires \valid_read(p + (0 .. IMAGE_HEADER_BYTES - 1));
    assigns \nothing; */
uint64_t image_header_size(const char *p);

/* The name of a sink: cursors find their sinks by it. */
/*@ requires \valid_read(key) && span_ok(name);
    assigns \nothing; */
uint64_t image_sink(const struct hash_key *key, struct span name);

/*
 * Takes over what an earlier process has left. `blocks` are the two cursor
 * blocks, IMAGE_BLOCK bytes each; the ring of *s holds that of the file. A sink
 * that the file does not know starts at the oldest record. FOREIGN: no cursors
 * could be read, nothing was changed. The caller syncs the file before it
 * goes on, see spool_recover().
 */
/*@ requires \valid(i) && ring_ok(s) && \valid(report);
    requires \separated(i, s, report);
    requires \valid_read(blocks + (0 .. 2 * IMAGE_BLOCK - 1));
    assigns *i, *s, *report, s->ring[0 .. s->size - 1];
    ensures \result == IMAGE_GOOD || \result == IMAGE_FOREIGN;
    ensures \result == IMAGE_FOREIGN ==> *s == \old(*s) && *i == \old(*i);
    ensures ring_ok(s) && s->size == \old(s->size);
    ensures \result == IMAGE_GOOD ==> positions_ok(s);
    ensures \result == IMAGE_GOOD ==>
	s->sealed == s->head && s->synced == s->head; */
enum image_verdict image_recover(struct image *i, struct spool *s,
				 const char *blocks,
				 struct spool_report *report);

/* Lists what the file does not have yet, with the bytes in *s and *i; 0: it has
 * all. The list is good until *s changes. */
/*@ requires \valid(i) && ring_ok(s) && positions_ok(s);
    requires \valid(out + (0 .. IMAGE_WRITES - 1));
    requires \separated(i, s, out + (0 .. IMAGE_WRITES - 1));
    requires s->sealed % 8 == 0 && s->sealed <= s->head;
    requires s->synced <= s->head <= s->synced + s->size;
    requires i->sequence <= UINT64_MAX - 2;
    assigns *i, s->sealed, s->ring[0 .. s->size - 1];
    assigns out[0 .. IMAGE_WRITES - 1];
    ensures \result <= IMAGE_WRITES;
    ensures \forall integer k; 0 <= k < \result ==> in_file(out[k], s->size); */
size_t image_plan(struct image *i, struct spool *s, struct image_write *out);
/* Must what was planned be synced at once? True if there are records, or if the
 * space that the cursors free is wanted. */
/*@ requires \valid_read(i) && \valid_read(s) && s->freed <= s->head;
    assigns \nothing; */
bool image_wants_sync(const struct image *i, const struct spool *s);
/* The writing of the last plan failed: the next one has all of it again. */
/*@ requires \valid(i);
    assigns i->failed; */
void image_failed(struct image *i);
/* The file is gone: none of the records is in one. */
/*@ requires \valid(i) && \valid(s) && \separated(i, s);
    requires s->cursors <= LIMIT_SINKS;
    assigns i->failed, s->synced;
    ensures s->synced <= s->head; */
void image_lost(struct image *i, struct spool *s);
/* All of that is written and safe. */
/*@ requires \valid(i) && \valid(s) && \separated(i, s);
    assigns i->safe, i->alarm_safe, s->synced, s->freed, s->wanted; */
void image_synced(struct image *i, struct spool *s);

#endif
