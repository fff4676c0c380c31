/*
 * inside.h - what the files of this room share, each of which calls those below
 * it alone: deliver.c, the states of a sink; room.c, what it gives up; batch.c,
 * what is written at once; held.c, what has left; lines.c, the lines.
 */
#ifndef DELIVER_INSIDE_H
#define DELIVER_INSIDE_H

#include "deliver/deliver.h"

/* What the sink is given now: the spool, or the overflow. */
static inline struct spool *deliver_source(const struct deliver *d,
					   unsigned sink)
{
	return d->sink[sink].overflow ? d->overflow : d->spool;
}
static inline enum place_kind deliver_kind(const struct deliver *d,
					   unsigned sink)
{
	return d->config->sink[sink].place.kind;
}

/* --- room.c --------------------------------------------------------------- */

/* Keeps half of the spool and of the overflow free, as far as the sinks that
 * hold it give way: they let go of the oldest records that they have not got.
 * Tells whether the spool is stuck. */
void deliver_make_room(struct deliver *d, int64_t now_ms);

/* --- batch.c -------------------------------------------------------------- */

/* Is there anything that it has not been given? */
bool deliver_has_queued(const struct deliver *d, unsigned sink);
/* Has it been given all of the one, the spool or the overflow, and is there
 * more in the other? */
bool deliver_wants_change(const struct deliver *d, unsigned sink);
/* Goes on with the other one once all has left: so nothing of the one that is
 * left ever comes again. */
void deliver_change(struct deliver *d, unsigned sink);
/* Writes a batch of lines. -errno, or: */
enum {
	DELIVER_DONE,    /* there is nothing to write */
	DELIVER_PASSED,  /* it wants none of them; there may be more */
	DELIVER_TOOK,    /* it took some; there may be more */
	DELIVER_BLOCKED, /* it takes none for now */
};
int deliver_write(struct deliver *d, unsigned sink, struct moment now);
/* Nobody says when a byte leaves a pipe or a driver, so it is asked for: is
 * that of use now? */
bool deliver_wants_look(const struct deliver *d, unsigned sink);
/* Moves `keep` over what has left. */
void deliver_settle(struct deliver *d, unsigned sink, int64_t now_ms);
/* What was written and has not left comes again. */
void deliver_rewind(struct deliver *d, unsigned sink);

/* --- held.c --------------------------------------------------------------- */

/* Moves `keep` over the lines that have left, where `unsent` bytes of what was
 * written have not; returns how many bytes of the next line have. */
uint64_t deliver_follow(struct deliver *d, unsigned sink, uint64_t unsent);
/* Before records are given up: keeps the lines of those that were written, and
 * may still be in the pipe or in the driver. True if one was begun: the cursor
 * has passed it, and the rest of it is to be written. */
bool deliver_hold(struct deliver *d, unsigned sink);
/* The same for lines that were written, and are to be written again as their
 * reader has left. False: there is no room for any of them. */
bool deliver_hold_passed(struct deliver *d, unsigned sink);
/* The reader or the device is gone, and `unsent` bytes of all that was written
 * with it: the held ones among them are written again. */
void deliver_lose_held(struct deliver *d, unsigned sink, uint64_t unsent);
/* `unsent` bytes have not left: forgets what has. */
void deliver_settle_held(struct deliver *d, unsigned sink, uint64_t unsent);
/* Writes some of those that have to be written again; as sink_write(). */
long deliver_write_held(struct deliver *d, unsigned sink);

/* --- lines.c -------------------------------------------------------------- */

/* Does the sink want the record of that spool that ends at `to`? */
bool deliver_wants(struct deliver *d, const struct spool *q, unsigned sink,
		   uint64_t to, const struct record *r);
/* Appends the line of the record in [from, to) for that sink, if it
 * wants one. */
void deliver_render(struct deliver *d, unsigned sink, uint64_t from,
		    uint64_t to, const struct record *r, struct buf *out);
/* Finds the run of alerts that have waited longer than --max-age, from the
 * first record on of which nothing was ever written. */
void deliver_skip_old(struct deliver *d, unsigned sink, struct moment now);
/* Moves the cursor over records that the sink does not want: they hold nothing
 * up while it is down. */
void deliver_pass_over(struct deliver *d, unsigned sink);

#endif
