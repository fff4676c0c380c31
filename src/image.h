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
 *is only used again when the cursors that have passed it are safe in the file;
 *so what a power cut leaves is always the cursors of some sync, and all records
 *from them on to that sync.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "hash.h"
#include "spool.h"

enum {
	IMAGE_BLOCK = 4096,
	IMAGE_RING = 3 * IMAGE_BLOCK,
	IMAGE_HEADER_BYTES = 64,
	IMAGE_CURSOR_BYTES = 40 + 16 * LIMIT_SINKS + 8,
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

/* The header of a new file; writes IMAGE_HEADER_BYTES. */
void image_put_header(char *p, uint64_t size, const struct hash_key *key);
/* Reads a header, and the key out of a good one. */
enum image_verdict image_read_header(const char *p, uint64_t size,
				     struct hash_key *key);

/* The name of a sink: cursors find their sinks by it. */
uint64_t image_sink(const struct hash_key *key, struct span name);

/*
 * Takes over what an earlier process has left. `blocks` are the two cursor
 * blocks, IMAGE_BLOCK bytes each; the ring of *s holds that of the file. A sink
 * that the file does not know starts at the oldest record. FOREIGN: no cursors
 * could be read, nothing was changed. The caller syncs the file before it
 * goes on, see spool_recover().
 */
enum image_verdict image_recover(struct image *i, struct spool *s,
				 const char *blocks,
				 struct spool_report *report);

/* Lists what the file does not have yet, with the bytes in *s and *i; 0: it has
 * all. The list is good until *s changes. */
size_t image_plan(struct image *i, struct spool *s, struct image_write *out);
/* Must what was planned be synced at once? True if there are records, or if the
 * space that the cursors free is wanted. */
bool image_wants_sync(const struct image *i, const struct spool *s);
/* The writing of the last plan failed: the next one has all of it again. */
void image_failed(struct image *i);
/* All of that is written and safe. */
void image_synced(struct image *i, struct spool *s);

#endif
