/*
 * deliver.h - from the spool to the sinks. Roof: the one place where records
 * are rendered and lines are written.
 *
 * Each sink has a cursor in the spool and, within the line at the cursor, the
 * bytes that it took already: lines are rendered again when there is room for
 * the rest, so no sink needs a buffer of its own.
 *
 *	 UP -- write would block --> FULL -- poll says there is room --> UP
 *	 |  <------------------------------------------- retry_ms has come --+
 *	 +-- write failed --> DOWN -----------------------------------------+
 */
#ifndef DELIVER_H
#define DELIVER_H

#include "intake.h"
#include "log.h"
#include "sink.h"

enum delivery_state {
	DELIVERY_UP,
	DELIVERY_FULL,
	DELIVERY_DOWN,
};

struct delivery {
	struct sink sink;
	enum delivery_state state;
	size_t offset;      /* of the line at the cursor, taken by the sink */
	int64_t retry_ms;   /* of DOWN */
	int64_t backoff_ms; /* grows to DELIVER_BACKOFF_MAX_MS */
	uint64_t lines, errors;
};

enum {
	DELIVER_BATCH = 256, /* records written at once at the most */
	DELIVER_BACKOFF_MS = 100,
	DELIVER_BACKOFF_MAX_MS = 5000,
};

struct deliver {
	const struct config *config;
	struct spool *spool;
	struct counters *counters;
	struct log *log;
	struct delivery sink[LIMIT_SINKS];
	uint64_t progress; /* bytes that all sinks have taken */
	struct alert alert;
	struct alert_tokens tokens;
	uint64_t position[DELIVER_BATCH]; /* behind each record of a batch */
	size_t end[DELIVER_BATCH];        /* of its line in `lines` */
	char lines[2 * LIMIT_LINE];
};

/* Opens the sinks of the configuration, whose cursors are the spool's. False
 * if one cannot be had at all; that is logged. colour: it may be used. */
bool deliver_open(struct deliver *d, struct config *config, struct spool *spool,
		  struct counters *counters, struct log *log, bool colour);

/* Writes what there is to write and the sinks take. */
void deliver_pump(struct deliver *d, int64_t now_ms);

/* When to pump again if no descriptor says so; INT64_MAX: never. */
int64_t deliver_deadline(const struct deliver *d);
/* The descriptor to wait for until it takes more, or -1. */
int deliver_wants_poll(const struct deliver *d, unsigned sink);
void deliver_writable(struct deliver *d, unsigned sink);

bool deliver_is_up(const struct deliver *d, unsigned sink);

#endif
