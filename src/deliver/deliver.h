/*
 * deliver.h - from the spool to the sinks. Roof: the one place where records
 * are rendered and lines are written.
 *
 * A sink's lines are rendered again when there is room for the rest, so no sink
 * has a buffer of its own. What is remembered is how far it has come:
 *
 *	keep ............ cursor ......... head        positions in the spool
 *	 | may be lost on  |<-offset->|
 *	 |<----- written ------------>|                bytes of lines
 *
 * Lines before `cursor` were written, and `offset` bytes of the one there. Of
 * these `written` bytes the system says how many have not left yet (in a pipe,
 * in a driver); `keep` follows those that have. When a reader leaves within a
 * line, or a device goes, the cursor goes back to `keep`.
 *
 * Where there is an overflow beside the spool's file (intake.h), a sink is
 * given one of the two at a time, and the other one when all of it has left.
 *
 *	            opened                would block
 *	 DOWN ----------------> UP --------------------> FULL
 *	 ^ ^ |                  | ^                        |
 *	 | | + broke: later     | +---- poll says room ----+
 *	 | +-+                  |                          |
 *	 +----- broke, rewound -+--------------------------+
 */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include "alert/read.h"
#include "base/time.h"
#include "config/config.h"
#include "deliver/sink.h"
#include "facts/metrics.h"
#include "os/log.h"
#include "spool/spool.h"

enum delivery_state {
	DELIVERY_DOWN, /* waits for its next try, or for something to write */
	DELIVERY_UP,
	DELIVERY_FULL, /* takes no more for now */
};

enum delivery_event {
	DELIVERY_OPENED, /* or its other end is there again */
	DELIVERY_BLOCKS, /* a write took less than it was given */
	DELIVERY_HAS_ROOM,
	DELIVERY_BROKE, /* it could not be opened or written, or its other end
			   is gone */
};

/* Records in [from, to) that were too old when their turn came, `count` of them
 * for that sink; the last one is rendered as the line that says so. */
struct skip_run {
	uint64_t from, to, count;
};

enum { DELIVER_RUNS = 4 };

/* When to try again, and what was said of it. */
struct backoff {
	int64_t retry_ms;
	int64_t pause_ms;  /* doubles */
	unsigned failures; /* in a row */
	bool told;         /* the log says that it is down */
};

struct delivery {
	struct sink sink;
	struct format format; /* as configured, in colour or not */
	enum delivery_state state;
	bool overflow;    /* it is given what is there, not the spool */
	uint64_t offset;  /* of the line at the cursor, taken by the sink */
	uint64_t written; /* bytes of lines from `keep` on */
	size_t at_once;   /* bytes of lines to gather for the next write */
	uint64_t given;   /* where the cursor was at most: --max-age is for
			     what never was written */
	uint64_t passed;  /* the same, of whole lines: they were written, and
			     may have had their 200 */
	uint64_t torn_at; /* a line begins there behind a torn one */
	bool torn;
	struct skip_run run[DELIVER_RUNS]; /* that `keep` has not passed */
	unsigned runs;
	uint64_t dropped;   /* alerts in all */
	uint64_t untold;    /* of them, wait=no: not told of by a line yet, */
	uint64_t untold_at; /* which comes before the record there */
	uint64_t untold_other; /* and of that of the two it is not given now */
	int64_t full_ms;       /* since when it is FULL */
	int64_t look_ms, look_after_ms; /* when to ask what has left */
	struct backoff backoff;
	uint64_t lines, errors;
};

enum {
	DELIVER_BATCH = 512, /* records written at once at the most */
	/* bytes gathered for a write: as many as were taken of the last one, or
	 * twice that if it was taken whole */
	DELIVER_LEAST = 4096,
	DELIVER_MOST = 65536,
	DELIVER_BACKOFF_MAX_MS = 5000,
	DELIVER_FIFO_BACKOFF_MS = 500,
	DELIVER_LOOK_MS = 20, /* ask what has left, then ever more seldom */
	DELIVER_LOOK_MAX_MS = 5000,
	DELIVER_LOOK_CHANGE_MS = 100, /* where other lines wait for that */
	/* a line that takes nothing for so long does not keep the others from
	 * theirs */
	DELIVER_STALLED_MS = 300,
};

/* Lines that a pipe or a driver still has, whose records were given up. */
struct held {
	size_t n;         /* bytes */
	size_t again;     /* of these, to be written once more, at the end */
	bool headless;    /* the first line is not whole */
	struct spool *of; /* whose unfinished[] it is, if it is any */
	char lines[LIMIT_PIPE + 8192];
};

/* Lines for one write. */
struct batch {
	uint64_t position[DELIVER_BATCH]; /* behind each record */
	size_t end[DELIVER_BATCH];        /* of its line in `lines` */
	/* and one more, however long */
	char lines[DELIVER_MOST + LIMIT_LINE + 2];
};

struct deliver {
	const struct config *config;
	struct spool *spool;
	struct spool *overflow; /* NULL: none, see intake.h */
	struct counters *counters;
	struct log *log;
	struct delivery sink[LIMIT_SINKS];
	uint64_t progress; /* grows with all that sinks take */
	struct alert alert;
	struct alert_reader reader; /* of one of an earlier process */
	struct batch *batch; /* working memory, of no use between calls */
	struct held held[LIMIT_SINKS];
};

/* Opens the sinks of the configuration, whose cursors are the spool's. False
 * if the place of one is of the wrong kind; that was logged. What is merely not
 * there yet is tried again later. colour: it may be used. */
bool deliver_open(struct deliver *d, const struct config *config,
		  struct spool *spool, struct spool *overflow,
		  struct counters *counters, struct log *log,
		  struct batch *batch, bool colour, struct moment now);

/* Alerts that an earlier process had queued for a sink that does not want them
 * any more, each for each such sink; and those of sinks that are gone, where
 * there are new ones that do not want them. */
uint64_t deliver_count_left(struct deliver *d);

/* Writes what there is to write and the sinks take. */
void deliver_pump(struct deliver *d, struct moment now);

/* When to pump again if no descriptor says so; INT64_MAX: never. */
int64_t deliver_deadline(const struct deliver *d, int64_t now_ms);
/* The descriptor to watch and for which events besides errors, or -1. */
int deliver_wants_poll(const struct deliver *d, unsigned sink, short *events);
void deliver_ready(struct deliver *d, unsigned sink, short events,
		   struct moment now);

/* Asks once more what has left: the last word before the spool is synced. */
void deliver_look(struct deliver *d, int64_t now_ms);
/* Has all that was queued left? */
bool deliver_is_done(const struct deliver *d);
/* Does the sink take lines now? Opens one that is down, to know. */
bool deliver_is_up(struct deliver *d, unsigned sink, struct moment now);
/* Opens FIFOs and serial lines again. */
void deliver_reopen(struct deliver *d, struct moment now);
/* Puts everything back as it was; nothing is delivered any more. */
void deliver_close(struct deliver *d);

#endif
